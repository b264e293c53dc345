package pieclient

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"lukechampine.com/blake3"

	p "pieprotocol"
)

// other checks a vector without a frame: a result, a document, a text, a reply, a content or a key.
func (v vector) other(t *testing.T) {
	switch {
	case v.Request != "":
		v.result(t)
	case v.Scope != "":
		var found any
		if class := p.Classify(p.Scope(v.Scope), v.text()); class != nil {
			found = class.Name
		}
		equal(t, orNil(v.Class), found)
	case v.Result != nil:
		var found any
		if family := p.Recognize(v.OK, *v.Result); family != nil {
			found = family.Name
		}
		equal(t, orNil(v.Family), found)
	case v.Class == "Manifest":
		read, err := manifest(v.text())
		v.compare(t, read, err)
	case v.Class != "":
		read, err := parsers[v.Class]([]byte(v.text()))
		if strings.HasSuffix(v.Class, "Expression") && err == nil && v.Reason == "" {
			equal(t, v.Class, reflect.TypeOf(read).Elem().Name())
		}
		v.compare(t, read, err)
	case v.Digest != "":
		v.content(t)
	case v.PrivateKey != "":
		v.key(t)
	default:
		t.Fatal("a vector of an unknown kind")
	}
}

// parsers read JSON, by the name of its type.
var parsers = map[string]func([]byte) (any, error){
	"CheckProgramResult":    result(p.ParseCheckProgramResult),
	"LaunchProcessesResult": result(p.ParseLaunchProcessesResult),
	"ListProcessesResult":   result(p.ParseListProcessesResult),
	"QueryResult":           result(p.ParseQueryResult),
	"RunProcessesResult":    result(p.ParseRunProcessesResult),
	"JsonRpcFailure":        object[p.JsonRpcFailure],
	"JsonRpcNotification":   object[p.JsonRpcNotification],
	"JsonRpcRequest":        object[p.JsonRpcRequest],
	"JsonRpcResponse":       object[p.JsonRpcResponse],
	"McpCancelledParams":    object[p.McpCancelledParams],
	"McpErrorObject":        object[p.McpErrorObject],
	"McpInitializeParams":   object[p.McpInitializeParams],
	"McpInitializeResult":   object[p.McpInitializeResult],
	"McpNamedParams":        object[p.McpNamedParams],
	"McpResourceParams":     object[p.McpResourceParams],
	"ProgramListing":        object[p.ProgramListing],
	"WorkflowExpression":    expression,
	"LiteralExpression":     expression,
	"ProcessExpression":     expression,
	"PipeExpression":        expression,
	"ForkExpression":        expression,
	"MapExpression":         expression,
	"FoldExpression":        expression,
	"CondExpression":        expression,
	"IterateExpression":     expression,
	"TakeExpression":        expression,
}

func result[T any](parse func(string) (T, error)) func([]byte) (any, error) {
	return func(text []byte) (any, error) { return parse(string(text)) }
}

func object[T any](text []byte) (any, error) {
	read := new(T)
	return read, json.Unmarshal(text, read)
}

func expression(text []byte) (any, error) {
	return p.ParseWorkflowExpression(text)
}

func (v vector) result(t *testing.T) {
	var found string
	for _, request := range p.Requests {
		if request.Name == v.Request {
			found = request.Result
		}
	}
	if found == "AuthIdentifyResult" {
		equal(t, v.Class, reflect.TypeOf(p.ParseAuthIdentifyResult(v.text())).Name())
		return
	}
	equal(t, v.Class, found)
	switch v.Class {
	case "":
	case "LaunchProcessResult", "SubmitWorkflowResult":
		equal(t, v.Value, v.text())
	default:
		read, err := parsers[v.Class]([]byte(v.text()))
		v.compare(t, read, err)
	}
}

// manifest reads a Pie.toml, whose name and version, and those of its dependencies, must be valid.
func manifest(text string) (any, error) {
	var table map[string]any
	if _, err := toml.Decode(text, &table); err != nil {
		return nil, err
	}
	object, err := json.Marshal(table)
	if err != nil {
		return nil, err
	}
	var read p.Manifest
	if err := json.Unmarshal(object, &read); err != nil {
		return nil, err
	}
	programs := map[string]string{}
	for name, version := range read.Dependencies {
		programs[name] = version
	}
	programs[read.Package.Name] = read.Package.Version
	pattern := regexp.MustCompile(p.VersionedProgramNamePattern)
	for name, version := range programs {
		if !pattern.MatchString(name + "@" + version) {
			return nil, errors.New("not the name and version of a program")
		}
	}
	return read, nil
}

func (v vector) compare(t *testing.T, read any, err error) {
	t.Helper()
	if v.Reason != "" {
		if err == nil {
			t.Fatalf("not refused: %#v", read)
		}
		return
	}
	check(t, err)
	text, err := json.Marshal(read)
	check(t, err)
	same(t, withoutNull(v.Value), withoutNull(parsed(t, text)))
}

func (v vector) content(t *testing.T) {
	repeated, err := hex.DecodeString(v.Repeat)
	check(t, err)
	content := make([]byte, v.Bytes)
	for i := range content {
		content[i] = repeated[i%len(repeated)]
	}
	chunks := []int{}
	for rest := v.Bytes; rest > 0 || len(chunks) == 0; rest -= min(rest, p.ChunkBytes) {
		chunks = append(chunks, min(rest, p.ChunkBytes))
	}
	same(t, v.Chunks, chunks)
	equal(t, v.Digest, fmt.Sprintf("%x", blake3.Sum256(content)))
}

// key signs the challenge and compares the signature, or verifies that of the vector.
func (v vector) key(t *testing.T) {
	signer, algorithm, err := readKey(v.PrivateKey)
	if v.Reason != "" {
		if err == nil {
			t.Fatalf("not refused: %T", signer)
		}
		return
	}
	check(t, err)
	equal(t, v.Algorithm, algorithm)
	challenge, err := base64.StdEncoding.DecodeString(v.Challenge)
	check(t, err)
	expected, err := base64.StdEncoding.DecodeString(v.Signature)
	check(t, err)
	block, _ := pem.Decode([]byte(v.PublicKey))
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	check(t, err)
	for _, info := range p.Signatures {
		if info.Key != algorithm {
			continue
		}
		message, hash := hashed(challenge, info.Hash)
		signed, err := signer.Sign(rand.Reader, message, hash)
		check(t, err)
		if v.Deterministic {
			same(t, expected, signed)
		}
		for _, signature := range [][]byte{expected, signed} {
			equal(t, true, verified(public, message, hash, signature))
		}
		return
	}
	t.Fatalf("no signature is of the kind %s", algorithm)
}

func hashed(challenge []byte, name string) ([]byte, crypto.Hash) {
	switch name {
	case "sha256":
		digest := sha256.Sum256(challenge)
		return digest[:], crypto.SHA256
	case "sha384":
		digest := sha512.Sum384(challenge)
		return digest[:], crypto.SHA384
	}
	return challenge, crypto.Hash(0)
}

func verified(public any, message []byte, hash crypto.Hash, signature []byte) bool {
	switch key := public.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, hash, message, signature) == nil
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(key, message, signature)
	case ed25519.PublicKey:
		return ed25519.Verify(key, message, signature)
	}
	return false
}

// readKey returns a key and its name in the protocol, or an error if servers accept none of its kind.
func readKey(text string) (crypto.Signer, string, error) {
	block, _ := pem.Decode([]byte(text))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, "", err
	}
	switch key := key.(type) {
	case *rsa.PrivateKey:
		if key.N.BitLen() >= p.RSAKeyBits {
			return key, "RSA", nil
		}
	case ed25519.PrivateKey:
		return key, "Ed25519", nil
	case *ecdsa.PrivateKey:
		for _, info := range p.Signatures {
			if info.Key == key.Params().Name {
				return key, info.Key, nil
			}
		}
	}
	return nil, "", fmt.Errorf("a %T that servers do not accept", key)
}

func parsed(t *testing.T, text []byte) (value any) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	check(t, decoder.Decode(&value))
	return value
}

// withoutNull returns a value without the keys that are null, which mean the same as absent ones.
func withoutNull(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key, entry := range value {
			if entry == nil {
				delete(value, key)
			} else {
				value[key] = withoutNull(entry)
			}
		}
	case []any:
		for i := range value {
			value[i] = withoutNull(value[i])
		}
	}
	return value
}

func orNil(text string) any {
	if text == "" {
		return nil
	}
	return text
}
