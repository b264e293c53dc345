// Package pieclient is a small client of a Pie engine, made of generated types: it connects, identifies, launches
// processes and streams their events.
package pieclient

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"

	"github.com/coder/websocket"

	"pieprotocol"
)

// Client is a connection to an engine. Its methods are for one goroutine at a time.
type Client struct {
	connection *websocket.Conn
	last       uint32
	early      []pieprotocol.ProcessEvent
}

// Dial connects to an engine of a family as the user of a tenant, such as default/alice. The URI has no path.
func Dial(ctx context.Context, uri string, family pieprotocol.Family, identity string) (*Client, error) {
	header := http.Header{}
	if family.IdentityHeader != "" {
		header.Set(family.IdentityHeader, identity)
	}
	connection, _, err := websocket.Dial(ctx, uri+family.Path, &websocket.DialOptions{HTTPHeader: header})
	if err != nil {
		return nil, err
	}
	connection.SetReadLimit(64 << 20)
	return &Client{connection: connection}, nil
}

// Close ends the connection at once: some servers never answer a close frame.
func (c *Client) Close() error {
	return c.connection.CloseNow()
}

// Identify starts the session of a user, unless the server wants a signature.
func (c *Client) Identify(ctx context.Context, user string) (pieprotocol.AuthIdentifyResult, error) {
	number := c.number()
	text, err := c.call(ctx, number, &pieprotocol.AuthIdentifyRequest{CorrID: number, Username: user})
	if err != nil {
		return nil, err
	}
	result := pieprotocol.ParseAuthIdentifyResult(text)
	if _, wanted := result.(pieprotocol.Challenge); wanted {
		return nil, errors.New("the server wants a signature")
	}
	return result, nil
}

// Launch starts a program with JSON text as its input, and returns the id of its process.
func (c *Client) Launch(ctx context.Context, program, input string) (pieprotocol.ProcessId, error) {
	number := c.number()
	request := &pieprotocol.LaunchProcessRequest{CorrID: number, Inferlet: program, Input: input, CaptureOutputs: true}
	return c.call(ctx, number, request)
}

// Processes returns the running processes.
func (c *Client) Processes(ctx context.Context) (pieprotocol.ListProcessesResult, error) {
	number := c.number()
	text, err := c.call(ctx, number, &pieprotocol.ListProcessesRequest{CorrID: number})
	if err != nil {
		return nil, err
	}
	return pieprotocol.ParseListProcessesResult(text)
}

// Signal sends a message to a process.
func (c *Client) Signal(ctx context.Context, process pieprotocol.ProcessId, message string) error {
	return c.send(ctx, &pieprotocol.SignalProcessRequest{ProcessID: process, Message: message})
}

// Events iterates over the events of all processes, until the context or the connection ends.
func (c *Client) Events(ctx context.Context) iter.Seq2[pieprotocol.ProcessEvent, error] {
	return func(yield func(pieprotocol.ProcessEvent, error) bool) {
		for {
			event, err := c.event(ctx)
			if !yield(event, err) || err != nil {
				return
			}
		}
	}
}

func (c *Client) event(ctx context.Context) (pieprotocol.ProcessEvent, error) {
	if len(c.early) > 0 {
		event := c.early[0]
		c.early = c.early[1:]
		return event, nil
	}
	for {
		message, err := c.receive(ctx)
		if err != nil {
			return nil, err
		}
		if event, found := message.(pieprotocol.ProcessEvent); found {
			return event, nil
		}
	}
}

func (c *Client) number() pieprotocol.CorrelationId {
	c.last++
	return c.last
}

// call sends a request and returns the text of its reply; events that come first are kept.
func (c *Client) call(
	ctx context.Context, number pieprotocol.CorrelationId, request pieprotocol.ClientMessage,
) (string, error) {
	if err := c.send(ctx, request); err != nil {
		return "", err
	}
	for {
		received, err := c.receive(ctx)
		if err != nil {
			return "", err
		}
		switch message := received.(type) {
		case *pieprotocol.Response:
			if message.CorrID == number {
				return reply(message)
			}
		case pieprotocol.ProcessEvent:
			c.early = append(c.early, message)
		}
	}
}

func reply(message *pieprotocol.Response) (string, error) {
	if message.Ok {
		return message.Result, nil
	}
	return "", failure(pieprotocol.ScopeRequest, message.Result)
}

func failure(scope pieprotocol.Scope, text string) error {
	if class := pieprotocol.Classify(scope, text); class != nil {
		return fmt.Errorf("%s: %s", class.Name, text)
	}
	return errors.New(text)
}

func (c *Client) send(ctx context.Context, message pieprotocol.ClientMessage) error {
	frame, err := pieprotocol.Encode(message)
	if err != nil {
		return err
	}
	return c.connection.Write(ctx, websocket.MessageBinary, frame)
}

// receive returns the next binary message. A text message ends a turn, or is the text of an error.
func (c *Client) receive(ctx context.Context) (pieprotocol.ServerMessage, error) {
	for {
		kind, frame, err := c.connection.Read(ctx)
		if err != nil {
			return nil, err
		}
		if kind == websocket.MessageBinary {
			return pieprotocol.DecodeServerMessage(frame)
		}
		message, err := pieprotocol.ParseServerTextMessage(frame)
		if err != nil {
			return nil, err
		}
		if notice, found := message.(*pieprotocol.ServerNotice); found {
			return nil, failure(pieprotocol.ScopeConnection, notice.Message)
		}
	}
}
