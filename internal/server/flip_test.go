package server

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// logBlockBytes is a block of Pebble's log. A later block says how far the log
// was synced, so damage before it can be told from a write that a power cut has
// torn.
const logBlockBytes = 32 << 10

// TestFlippedBits flips one bit of a store's files at a time. A server that starts
// on them either says that it can't tell, or tells the truth: never a wrong
// history, never an execution that is not there.
//
// With one exception: damage in the last blocks of the log that a killed server
// leaves, which no later block contradicts, looks like a torn write. The steps
// from there on are missing without a word, those before are whole.
func TestFlippedBits(t *testing.T) {
	notRacing(t)
	for _, image := range []struct {
		name   string
		killed bool
	}{{"closed", false}, {"killed", true}} {
		t.Run(image.name, func(t *testing.T) {
			base := newImage(t, 1, image.killed)
			names, err := base.disk.List(storeFolder)
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(names)
			random := rand.New(rand.NewPCG(5, 5))
			counts := map[string]map[string]int{} // by kind of file, by outcome
			for _, name := range names {
				kind := kindOfFile(name)
				if kind == "" {
					continue
				}
				if counts[kind] == nil {
					counts[kind] = map[string]int{}
				}
				size := sizeOf(t, base.disk, name)
				bits := size * 8
				tries := *trials
				if tries == 0 {
					tries = int(min(bits, 2000))
				}
				for i := range min(int64(tries), bits) {
					bit := (i*bits + random.Int64N(bits)) / int64(tries) % bits
					m := base.machine(t)
					flip(t, m.disk, name, bit)
					end := kind == "log" && bit/8 >= size-size%logBlockBytes-logBlockBytes
					outcome, err := m.bear(end)
					if err != nil {
						t.Fatalf("bit %d of %d in %s: %v", bit, bits, name, err)
					}
					counts[kind][outcome]++
				}
			}
			for _, kind := range []string{"table", "log", "manifest", "options"} {
				t.Logf("%s: %v", kind, counts[kind])
			}
			if counts["table"]["refused"]+counts["table"]["detected"] == 0 || image.killed && counts["log"]["refused"] == 0 {
				t.Error("no flipped bit was detected")
			}
		})
	}
}

// bear starts on a damaged disk and tells what became of it; an error is a lie
// that the server told. At the end of a log the last steps may be missing.
func (m *machine) bear(end bool) (string, error) {
	told := m.ledger.told()
	if err := m.boot(); err != nil {
		return "refused", nil
	}
	defer m.powerCut()
	runs, err := m.read()
	if _, ok := errors.AsType[*untold](err); ok {
		return "detected", nil
	}
	if err == nil {
		err = m.ledger.compare(runs, told)
	}
	if gone, ok := errors.AsType[*lost](err); ok && end && slices.Equal(gone.marks, m.ledger.acked[told-len(gone.marks):]) {
		return "end dropped", nil
	}
	if err != nil {
		return "", err
	}
	if err := m.shutDown(); err != nil {
		return "detected", nil
	}
	if err := m.check(); err != nil {
		if _, ok := errors.AsType[*wrongStore](err); ok {
			return "", err
		}
		return "detected", nil
	}
	return "harmless", nil
}

func kindOfFile(name string) string {
	switch {
	case strings.HasSuffix(name, ".sst"):
		return "table"
	case strings.HasSuffix(name, ".log"):
		return "log"
	case strings.HasPrefix(name, "MANIFEST-"):
		return "manifest"
	case strings.HasPrefix(name, "OPTIONS-"):
		return "options"
	}
	return ""
}

func sizeOf(t *testing.T, disk *vfs.MemFS, name string) int64 {
	t.Helper()
	info, err := disk.Stat(disk.PathJoin(storeFolder, name))
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// flip turns one bit of a file.
func flip(t *testing.T, disk *vfs.MemFS, name string, bit int64) {
	t.Helper()
	path := disk.PathJoin(storeFolder, name)
	err := func() error {
		f, err := disk.Open(path)
		if err != nil {
			return err
		}
		b, err := io.ReadAll(f)
		if err != nil {
			return err
		}
		b[bit/8] ^= 1 << (bit % 8)
		w, err := disk.Create(path, vfs.WriteCategoryUnspecified)
		if err != nil {
			return err
		}
		_, err = w.Write(b)
		return errors.Join(err, w.Sync(), w.Close(), f.Close())
	}()
	if err != nil {
		t.Fatal(fmt.Errorf("flip a bit of %q: %w", name, err))
	}
}
