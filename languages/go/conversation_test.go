package pieclient

import (
	"bufio"
	"cmp"
	"context"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"pieprotocol"
)

// TestConversation talks to `python -m pie_client.testing`, a server of each family in a process of its own.
func TestConversation(t *testing.T) {
	for _, family := range pieprotocol.Families {
		t.Run(family.Name, func(t *testing.T) { talk(t, family) })
	}
}

func talk(t *testing.T, family pieprotocol.Family) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	client, err := Dial(ctx, engine(t, family), family, "default/alice")
	check(t, err)
	defer client.Close()

	var expected pieprotocol.AuthIdentifyResult = pieprotocol.AuthenticationDisabled{}
	if family.IdentityHeader != "" {
		expected = pieprotocol.AlreadyAuthenticated{}
	}
	result, err := client.Identify(ctx, "alice")
	check(t, err)
	equal(t, expected, result)

	counting, err := client.Launch(ctx, "count@1.0.0", "3")
	check(t, err)
	var printed strings.Builder
	for event, err := range client.Events(ctx) {
		check(t, err)
		switch event := event.(type) {
		case *pieprotocol.StdoutFrame:
			equal(t, counting, event.ProcessID)
			printed.WriteString(event.Value)
		case *pieprotocol.ReturnFrame:
			equal(t, counting, event.ProcessID)
		default:
			t.Fatalf("unexpected: %#v", event)
		}
		if pieprotocol.IsTerminal(event) {
			break
		}
	}
	equal(t, "1\n2\n3\n", printed.String())

	waiting, err := client.Launch(ctx, "wait@1.0.0", "{}")
	check(t, err)
	running, err := client.Processes(ctx)
	check(t, err)
	equal(t, 1, len(running))
	equal(t, waiting, running[0].ID)
	check(t, client.Signal(ctx, waiting, "héllo"))
	for event, err := range client.Events(ctx) {
		check(t, err)
		equal(t, `"héllo"`, event.(*pieprotocol.ReturnFrame).Value)
		break
	}

	_, err = client.Launch(ctx, "missing@9.9.9", "{}")
	if err == nil || !strings.HasPrefix(err.Error(), "ProgramNotFoundError: ") {
		t.Fatalf("expected a ProgramNotFoundError, got %v", err)
	}
}

// TestExample runs the program of docs/other-languages.md.
func TestExample(t *testing.T) {
	for _, family := range pieprotocol.Families {
		t.Run(family.Name, func(t *testing.T) {
			printed, err := exec.Command("go", "run", "./example", engine(t, family)).Output()
			check(t, err)
			result := "AuthenticationDisabled"
			if family.IdentityHeader != "" {
				result = "AlreadyAuthenticated"
			}
			equal(t, "identified: pieprotocol."+result+"\n1\n2\nreturned 2\n", string(printed))
		})
	}
}

// engine starts a server on this machine's loopback interface until the end of the test, and returns its URI.
func engine(t *testing.T, family pieprotocol.Family) string {
	python := cmp.Or(os.Getenv("PYTHON"), "python")
	command := exec.Command(python, "-m", "pie_client.testing", "--port", "0", "--family", family.Name)
	command.Stderr = os.Stderr
	output, err := command.StdoutPipe()
	check(t, err)
	check(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	line, err := bufio.NewReader(output).ReadString('\n')
	check(t, err)
	return regexp.MustCompile(`ws://\S+`).FindString(line)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal(t *testing.T, expected, found any) {
	t.Helper()
	if expected != found {
		t.Fatalf("expected %#v, got %#v", expected, found)
	}
}
