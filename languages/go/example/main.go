// Command example runs a program on a server and prints its events.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/coder/websocket"

	pie "pieprotocol"
)

func main() {
	server := "ws://127.0.0.1:8080"
	if len(os.Args) > 1 {
		server = os.Args[1]
	}
	if err := run(context.Background(), server); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, server string) error {
	// Servers of the 0.4 family ignore the path and the header.
	header := http.Header{}
	header.Set(pie.Family0_5.IdentityHeader, "alice")
	options := &websocket.DialOptions{HTTPHeader: header}
	connection, _, err := websocket.Dial(ctx, server+pie.Family0_5.Path, options)
	if err != nil {
		return err
	}
	defer connection.CloseNow()
	connection.SetReadLimit(64 << 20)

	send := func(request pie.ClientMessage) error {
		frame, err := pie.Encode(request)
		if err != nil {
			return err
		}
		return connection.Write(ctx, websocket.MessageBinary, frame)
	}
	err = send(&pie.AuthIdentifyRequest{CorrID: 1, Username: "alice"})
	for err == nil {
		kind, frame, failed := connection.Read(ctx)
		if failed != nil {
			return failed
		}
		if kind == websocket.MessageText {
			continue
		}
		received, failed := pie.DecodeServerMessage(frame)
		if failed != nil {
			return failed
		}
		switch message := received.(type) {
		case *pie.Response:
			if !message.Ok {
				return errors.New(message.Result)
			}
			if message.CorrID == 1 {
				fmt.Printf("identified: %T\n", pie.ParseAuthIdentifyResult(message.Result))
				launch := pie.LaunchProcessRequest{CorrID: 2, Inferlet: "count@1.0.0", Input: "2", CaptureOutputs: true}
				err = send(&launch)
			}
		case *pie.StdoutFrame:
			fmt.Print(message.Value)
		case *pie.ReturnFrame:
			fmt.Println("returned", message.Value)
		case pie.ProcessEvent:
			fmt.Printf("%#v\n", message)
		}
		if event, found := received.(pie.ProcessEvent); found && pie.IsTerminal(event) {
			return nil
		}
	}
	return err
}
