package pieclient

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"pieprotocol"
)

// A vector of schema/vectors.
type vector struct {
	ID     string
	From   string
	Class  string
	Fields map[string]any
	Hex    *string
	Text   *string
	Reason string
	Needs  []string

	// Results and documents.
	Request string
	Value   any

	// Failure texts.
	Scope string

	// Replies that tell the family.
	OK     bool
	Result *string
	Family string

	// Contents.
	Repeat string
	Bytes  int
	Chunks []int
	Digest string

	// Keys.
	Algorithm     string
	Deterministic bool
	PrivateKey    string `json:"private_key"`
	PublicKey     string `json:"public_key"`
	Challenge     string
	Signature     string
}

func (v vector) text() string { return *v.Text }

// notSeen is what encoding/json does not tell apart: it reads half of a surrogate pair as U+FFFD.
const notSeen = "unicode"

// TestVectors has a test for each vector.
func TestVectors(t *testing.T) {
	paths, err := filepath.Glob("../../schema/vectors/*.json")
	check(t, err)
	for _, path := range paths {
		if strings.HasSuffix(path, ".schema.json") {
			continue
		}
		text, err := os.ReadFile(path)
		check(t, err)
		var vectors []vector
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		check(t, decoder.Decode(&vectors))
		for _, v := range vectors {
			t.Run(v.ID, func(t *testing.T) {
				if v.From == "" {
					v.other(t)
				} else {
					v.frame(t, filepath.Base(path) == "reference.json")
				}
			})
		}
	}
}

// frame decodes a frame, compares its fields and encodes them.
func (v vector) frame(t *testing.T, reference bool) {
	message, err := v.decode(t)
	if v.Reason != "" {
		if err == nil && !slices.Contains(v.Needs, notSeen) {
			t.Fatalf("not refused: %#v", message)
		}
		return
	}
	check(t, err)
	class := reflect.TypeOf(message).Elem().Name()
	if v.Class == "unknown" {
		equal(t, "UnknownMessage", class)
		return
	}
	equal(t, v.Class, class)
	if v.Fields == nil {
		return
	}
	for name, value := range v.Fields {
		if value == nil {
			delete(v.Fields, name)
		}
	}
	same(t, any(v.Fields), printed(t, message))
	if v.Hex == nil {
		return
	}
	encoded, err := pieprotocol.Encode(message)
	check(t, err)
	if reference {
		equal(t, *v.Hex, hex.EncodeToString(encoded))
	}
	again, err := v.decodeFrame(encoded)
	check(t, err)
	same(t, message, again)
}

// decode decodes the frame; memory must not be taken for more than the frame holds.
func (v vector) decode(t *testing.T) (pieprotocol.Message, error) {
	var before, after runtime.MemStats
	if v.Hex == nil {
		return v.parse([]byte(*v.Text))
	}
	frame, err := hex.DecodeString(*v.Hex)
	check(t, err)
	runtime.ReadMemStats(&before)
	message, err := v.decodeFrame(frame)
	runtime.ReadMemStats(&after)
	if taken, most := after.TotalAlloc-before.TotalAlloc, uint64(1<<20+100*len(frame)); taken > most {
		t.Fatalf("decoding %d bytes took %d bytes of memory, expected at most %d", len(frame), taken, most)
	}
	return message, err
}

func (v vector) decodeFrame(frame []byte) (pieprotocol.Message, error) {
	if v.From == "client" {
		return pieprotocol.DecodeClientMessage(frame)
	}
	return pieprotocol.DecodeServerMessage(frame)
}

func (v vector) parse(text []byte) (pieprotocol.Message, error) {
	if v.From == "client" {
		return pieprotocol.ParseClientMessage(text)
	}
	return pieprotocol.ParseServerTextMessage(text)
}

// printed returns the fields of a message as JSON has them, with bytes as base64.
func printed(t *testing.T, message pieprotocol.Message) any {
	t.Helper()
	text, err := json.Marshal(message)
	check(t, err)
	return parsed(t, text)
}

func same(t *testing.T, expected, found any) {
	t.Helper()
	if !reflect.DeepEqual(expected, found) {
		t.Fatalf("expected %#v, got %#v", expected, found)
	}
}
