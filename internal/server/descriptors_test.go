package server

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"heddle/internal/listen"
)

// TestShareOfDescriptors: connections leave the store and the others what they need.
func TestShareOfDescriptors(t *testing.T) {
	for all, want := range map[int][2]int{
		64: {16, 16}, 256: {64, 64}, 1024: {512, 256}, 4096: {2840, 1000}, 20_000: {18_744, 1000}, 100_000: {98_744, 1000},
	} {
		if connections, files := shareDescriptors(all); connections != want[0] || files != want[1] || connections+files > all {
			t.Errorf("of %d: %d connections and %d files, want %d", all, connections, files, want)
		}
	}
}

// TestSoftLimit starts a process whose soft limit of descriptors is lower than its hard
// one: it has as many as the hard one allows.
func TestSoftLimit(t *testing.T) {
	const tell = "HEDDLE_TEST_TELL_DESCRIPTORS"
	if os.Getenv(tell) != "" {
		fmt.Printf("it has %d descriptors\n", listen.Descriptors())
		return
	}
	for limits, want := range map[string]string{"ulimit -S -n 1024 && ulimit -H -n 2048": "2047", "ulimit -n 1024": "1024"} {
		cmd := exec.Command("/bin/sh", "-c", limits+` && exec "$0" -test.run '^TestSoftLimit$'`, os.Args[0])
		cmd.Env = append(os.Environ(), tell+"=yes")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if !strings.Contains(string(out), "it has "+want+" descriptors") {
			t.Errorf("%s: %s", limits, out)
		}
	}
}
