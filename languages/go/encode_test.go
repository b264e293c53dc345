package pieclient

import (
	"encoding/json"
	"regexp"
	"testing"

	p "pieprotocol"
)

// TestEncodeRefuses has what servers drop without a reply, or what there is none of.
func TestEncodeRefuses(t *testing.T) {
	for name, message := range map[string]p.ClientMessage{
		"a number below its bounds": &p.AddProgramRequest{TotalChunks: 0},
		"text that is not UTF-8":    &p.AuthIdentifyRequest{Username: "\xff"},
		"text in a list":            &p.LaunchProcessesRequest{Inputs: []string{"1", "\xff"}},
		"an interface that is nil":  nil,
		"a pointer that is nil":     (*p.PingRequest)(nil),
	} {
		t.Run(name, func(t *testing.T) {
			if frame, err := p.Encode(message); err == nil || frame != nil {
				t.Fatalf("not refused: % x, %v", frame, err)
			}
		})
	}
}

func TestPrintRefusesWhatEncodeRefuses(t *testing.T) {
	for name, object := range map[string]any{
		"a number below its bounds": p.AddProgramRequest{TotalChunks: 0},
		"text that is not UTF-8":    p.AuthIdentifyRequest{Username: "\xff"},
		"an expression that is nil": p.CondExpression{Then: &p.LiteralExpression{Value: json.RawMessage("1")}},
	} {
		t.Run(name, func(t *testing.T) {
			if text, err := json.Marshal(object); err == nil {
				t.Fatalf("not refused: %s", text)
			}
		})
	}
}

func TestIdentityPattern(t *testing.T) {
	pattern := regexp.MustCompile(p.IdentityPattern)
	for identity, valid := range map[string]bool{"alice": true, "a/alice": true, "a/": false, "": false, "é": false, "a\n": false} {
		if pattern.MatchString(identity) != valid {
			t.Errorf("%q: expected %t", identity, valid)
		}
	}
}
