module pieclient

go 1.24.0

require (
	github.com/BurntSushi/toml v1.5.0
	github.com/coder/websocket v1.8.15
	lukechampine.com/blake3 v1.4.1
	pieprotocol v0.0.0
)

require (
	github.com/klauspost/cpuid/v2 v2.0.9 // indirect
	github.com/philhofer/fwd v1.2.0 // indirect
	github.com/tinylib/msgp v1.6.5 // indirect
)

replace pieprotocol => ../../schema/dist/go
