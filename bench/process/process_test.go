package process

import (
	"errors"
	"os"
	"os/exec"
	"testing"
)

// What a process spent is told however little it is: a server that is idle spends less in a second than a tick.
func TestCPUIsExact(t *testing.T) {
	before, err := CPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		after, err := CPU(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if after <= before {
			t.Fatalf("reading it costs nothing: %v, then %v", before, after)
		}
		before = after
	}
	ended := exec.Command("true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	if _, err := CPU(ended.Process.Pid); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("of a process that has ended: %v", err)
	}
}
