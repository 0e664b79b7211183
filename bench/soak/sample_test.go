package soak

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"heddle/bench/process"
)

// sample is what a server has at one moment.
type sample struct {
	at       time.Duration
	finished int64
	slowest  time.Duration // workflow since the last sample
	cpu      time.Duration
	values   [len(series)]float64
}

// series are what is sampled, each with what it may grow in the second half of a
// run: a part of its mean, and something for the noise.
var series = [...]struct {
	name, unit string
	percent    float64
	noise      float64
}{
	{"heap alive after a collection", "MB", 10, 16},
	{"resident memory", "MB", 10, 64},
	{"stacks", "MB", 10, 4},
	{"threads", "", 10, 8},
	{"file descriptors", "", 10, 16},
	{"store", "MB", 25, 96}, // logs of 64 MB come and go
	{"audit trail", "MB", 10, auditFiles * auditMB},
}

// watcher takes samples of a server.
type watcher struct {
	server *process.Server
	trace  *trace
	data   string
	pid    string
	began  time.Time
}

func (w *watcher) sample(l *load) (s sample, err error) {
	usage, err := w.server.Usage()
	if err != nil {
		return s, err
	}
	if w.pid == "" { // the store says who has it
		holder, err := os.ReadFile(filepath.Join(w.data, "store", "HOLDER"))
		if err != nil {
			return s, err
		}
		w.pid = strings.TrimSpace(string(holder))
	}
	threads, err := os.ReadDir("/proc/" + w.pid + "/task")
	if err != nil {
		return s, err
	}
	descriptors, err := os.ReadDir("/proc/" + w.pid + "/fd")
	if err != nil {
		return s, err
	}
	store, err := folderBytes(filepath.Join(w.data, "store"))
	if err != nil {
		return s, err
	}
	trail, err := folderBytes(filepath.Join(w.data, "audit"))
	if err != nil {
		return s, err
	}
	heap, stacks := w.trace.last()
	const mb = 1 << 20
	return sample{
		at: time.Since(w.began), finished: l.finished.Load(), slowest: time.Duration(l.slowest.Swap(0)), cpu: usage.CPU,
		values: [...]float64{heap, float64(usage.RSSBytes) / mb, stacks, float64(len(threads)), float64(len(descriptors)), store / mb, trail / mb},
	}, nil
}

// folderBytes is the size of all files in a folder that changes meanwhile.
func folderBytes(dir string) (sum float64, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			info, failed := d.Info()
			if err = failed; err == nil {
				sum += float64(info.Size())
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	return sum, err
}

// fit lays a line through points, so that the squares of what they miss it by are
// least, and gives how much it rises over them, and their mean.
func fit(x, y []float64) (growth, mean float64) {
	n := float64(len(x))
	var meanX, xx, xy float64
	for i := range x {
		meanX += x[i] / n
		mean += y[i] / n
	}
	for i := range x {
		xx += (x[i] - meanX) * (x[i] - meanX)
		xy += (x[i] - meanX) * (y[i] - mean)
	}
	if xx == 0 {
		return 0, mean
	}
	return xy / xx * (x[len(x)-1] - x[0]), mean
}

func TestFit(t *testing.T) {
	x := []float64{10, 11, 12, 13}
	for _, test := range []struct {
		y            []float64
		growth, mean float64
	}{
		{[]float64{5, 5, 5, 5}, 0, 5},
		{[]float64{1, 3, 5, 7}, 6, 4},
		{[]float64{2, 4, 4, 2}, 0, 3},
	} {
		if growth, mean := fit(x, test.y); math.Abs(growth-test.growth) > 1e-9 || mean != test.mean {
			t.Errorf("%v grows by %v about %v, want %v and %v", test.y, growth, mean, test.growth, test.mean)
		}
	}
}

// grown names the series that grow too much in the second half of samples, and
// gives a table of all.
func grown(all []sample) (table string, wrong []error) {
	second := all[len(all)/2:]
	var text strings.Builder
	for i, s := range series {
		var x, y []float64
		for _, sample := range second {
			x, y = append(x, sample.at.Seconds()), append(y, sample.values[i])
		}
		growth, mean := fit(x, y)
		most := mean*s.percent/100 + s.noise
		fmt.Fprintf(&text, "%-30s %6.1f at first, mean %6.1f, last %6.1f, growth %+6.1f of at most %5.1f %s\n",
			s.name, all[0].values[i], mean, y[len(y)-1], growth, most, s.unit)
		if growth > most {
			wrong = append(wrong, fmt.Errorf("%s: %+.1f %s in the second half, want at most %.1f", s.name, growth, s.unit, most))
		}
	}
	return text.String(), wrong
}

func TestGrown(t *testing.T) {
	var level, rising []sample
	for i := range 100 {
		s := sample{at: time.Duration(i) * time.Second}
		s.values[0] = 100 + float64(i%7)
		level = append(level, s)
		s.values[0] += float64(i) // 50 in the second half, of which 15 % and 16 are allowed
		rising = append(rising, s)
	}
	if _, wrong := grown(level); len(wrong) > 0 {
		t.Errorf("level: %v", wrong)
	}
	if _, wrong := grown(rising); len(wrong) != 1 {
		t.Errorf("rising: %v", wrong)
	}
}

// trace takes what a server says on its standard error: its log, Go's line for
// each garbage collection, and the stacks of all goroutines when it is told to quit.
type trace struct {
	mu           sync.Mutex
	rest         []byte // of a line
	heap, stacks float64
	goroutines   int
	errors       []string // lines of the log
}

var collection = regexp.MustCompile(`^gc \d+ @.* \d+->\d+->(\d+) MB, .* (\d+) MB stacks`)

// Write implements io.Writer.
func (t *trace) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rest = append(t.rest, p...)
	for {
		line, rest, whole := bytes.Cut(t.rest, []byte{'\n'})
		if !whole {
			return len(p), nil
		}
		if m := collection.FindSubmatch(line); m != nil {
			t.heap, _ = strconv.ParseFloat(string(m[1]), 64)
			t.stacks, _ = strconv.ParseFloat(string(m[2]), 64)
		}
		if bytes.HasPrefix(line, []byte("goroutine ")) {
			t.goroutines++
		}
		if bytes.Contains(line, []byte("level=ERROR")) || bytes.HasPrefix(line, []byte("panic:")) {
			t.errors = append(t.errors, string(line))
		}
		t.rest = append(t.rest[:0], rest...)
	}
}

func (t *trace) last() (heap, stacks float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.heap, t.stacks
}
