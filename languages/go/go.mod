module pieclient

go 1.24.0

require (
	github.com/coder/websocket v1.8.15
	pieprotocol v0.0.0
)

require (
	github.com/philhofer/fwd v1.2.0 // indirect
	github.com/tinylib/msgp v1.6.5 // indirect
)

replace pieprotocol => ../../schema/dist/go
