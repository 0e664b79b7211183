package audit

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var testKey = &Key{1, 2, 3}

// writeTrail writes records with these words, a sealed line or a plain one for
// each, and so many in a file.
func writeTrail(t *testing.T, dir string, key *Key, inFile int, words ...string) {
	t.Helper()
	h := &house{t: t, now: noon}
	for part := range slices.Chunk(words, inFile) {
		f, err := openFiles(Files{Dir: dir, Key: key, BytesMax: 1 << 30, AgeMax: time.Hour, Keep: 100}, Calls, h.clock, quiet)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range part {
			line := fmt.Appendf(nil, "{\"eventTime\":%q,\"word\":%q}\n", h.now.Format(time.RFC3339), word)
			if n, err := f.write(t.Context(), line); n != len(line) || err != nil {
				t.Fatal(n, err)
			}
			h.advance(time.Second)
		}
		h.advance(time.Hour)
		if err := f.close(); err != nil {
			t.Fatal(err)
		}
	}
}

var wordIn = regexp.MustCompile(`"word":"(\w+)"`)

// read gives the words of a trail, and what is wrong with it.
func read(t *testing.T, r Reader) (words string, wrong []string) {
	t.Helper()
	r.Wrong = func(err error) { wrong = append(wrong, err.Error()) }
	var out bytes.Buffer
	if err := r.Read(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, found := range wordIn.FindAllStringSubmatch(out.String(), -1) {
		all = append(all, found[1])
	}
	if lines := strings.Count(out.String(), "\n"); lines != len(all) {
		t.Fatalf("%d words in %d lines: %s", len(all), lines, out.String())
	}
	return strings.Join(all, " "), wrong
}

func wantRead(t *testing.T, r Reader, want string) {
	t.Helper()
	if words, wrong := read(t, r); words != want || len(wrong) > 0 {
		t.Errorf("read %q, %q, want %q", words, wrong, want)
	}
}

func TestSealedTrail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		h := newHouse(t, Config{Files: Files{Dir: dir, Key: testKey, BytesMax: 4 << 10, AgeMax: time.Hour, Keep: 1000}})
		const calls = 200
		for i := range calls {
			h.record(&Call{Time: noon, Service: "swf", Action: "PlantedAction", RequestID: fmt.Sprint(i)})
			if i%10 == 0 {
				time.Sleep(2 * filesGather) // so that there are many lines
			}
		}
		h.stop()
		names := slices.DeleteFunc(filesOf(t, dir), func(name string) bool { return !strings.Contains(name, "-calls-") })
		if len(names) < 4 {
			t.Errorf("%d files; they should have been rotated", len(names))
		}
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil || bytes.Contains(b, []byte("Planted")) || bytes.Count(b, []byte{'\n'}) == 0 {
				t.Errorf("%s: %d bytes, %v", name, len(b), err)
			}
		}
		var out bytes.Buffer
		r := Reader{Dir: dir, Key: testKey, Wrong: func(err error) { t.Error(err) }}
		if err := r.Read(t.Context(), &out); err != nil {
			t.Fatal(err)
		}
		i := 0
		for line := range strings.Lines(out.String()) {
			if r := recordOf(t, line); r.EventName != "PlantedAction" || r.RequestID != fmt.Sprint(i) {
				t.Fatalf("record %d: %+v", i, r)
			}
			i++
		}
		if i != calls {
			t.Errorf("%d records, want %d", i, calls)
		}
	})
}

// TestCutOffAnywhere cuts the newest file at each length, as a crash may. What was
// written whole is read, and the next start goes on after it.
func TestCutOffAnywhere(t *testing.T) {
	for _, key := range []*Key{testKey, nil} {
		whole := t.TempDir()
		writeTrail(t, whole, key, 2, "a", "b", "c", "d")
		name := filepath.Base(filesOf(t, whole)[1])
		b, err := os.ReadFile(filepath.Join(whole, name))
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(t.TempDir(), "trail")
		for size := range len(b) + 1 {
			if err := errors.Join(os.RemoveAll(dir), os.CopyFS(dir, os.DirFS(whole)), os.Truncate(filepath.Join(dir, name), int64(size))); err != nil {
				t.Fatal(err)
			}
			want := strings.Join([]string{"a", "b", "c", "d"}[:2+bytes.Count(b[:size], []byte{'\n'})], " ")
			wantRead(t, Reader{Dir: dir, Key: key}, want)
			writeTrail(t, dir, key, 1, "e")
			wantRead(t, Reader{Dir: dir, Key: key}, want+" e")
			if t.Failed() {
				t.Fatalf("cut to %d of %d bytes", size, len(b))
			}
		}
	}
}

// TestWideLines ends a file by a half line that is longer than what is read of it
// at a time.
func TestWideLines(t *testing.T) {
	dir := t.TempDir()
	long := strings.Repeat("x", 100_000)
	writeTrail(t, dir, testKey, 1, "a", long)
	name := filesOf(t, dir)[1]
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name, info.Size()-1); err != nil {
		t.Fatal(err)
	}
	writeTrail(t, dir, testKey, 1, "b")
	wantRead(t, Reader{Dir: dir, Key: testKey}, "a b")
}

// TestAFailedWriteIsCutOff, as of a disk that was full.
func TestAFailedWriteIsCutOff(t *testing.T) {
	dir := t.TempDir()
	h := &house{t: t, now: noon}
	f, err := openFiles(Files{Dir: dir, Key: testKey, BytesMax: 1 << 30, AgeMax: time.Hour, Keep: 10}, Calls, h.clock, quiet)
	if err != nil {
		t.Fatal(err)
	}
	written := ""
	for _, word := range []string{"a", "b", "c"} {
		if _, err := f.write(t.Context(), fmt.Appendf(nil, "{\"word\":%q}\n", word)); err != nil {
			t.Fatal(err)
		}
		if _, err := f.file.WriteString("hal"); err != nil {
			t.Fatal(err)
		}
		f.torn = true
		written += " " + word
		wantRead(t, Reader{Dir: dir, Key: testKey}, strings.TrimSpace(written))
	}
	// Of a file that no longer takes anything, nothing counts as written.
	if err := f.file.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := f.write(t.Context(), []byte("{}\n")); n != 0 || err == nil {
		t.Error(n, err)
	}
}

// TestAWriteThatEndsHalfway has the disk take the beginning of a line, which must
// go before anything else is written.
func TestAWriteThatEndsHalfway(t *testing.T) {
	dir := t.TempDir()
	h := &house{t: t, now: noon}
	f, err := openFiles(Files{Dir: dir, Key: testKey, BytesMax: 1 << 30, AgeMax: time.Hour, Keep: 10}, Calls, h.clock, quiet)
	if err != nil {
		t.Fatal(err)
	}
	write := func(word string) error {
		_, err := f.write(t.Context(), fmt.Appendf(nil, "{\"word\":%q}\n", word))
		return err
	}
	if err := write("a"); err != nil {
		t.Fatal(err)
	}
	// A pipe stands for the disk: it breaks when it holds the beginning.
	disk := f.file
	from, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	f.file = to
	begun := make(chan []byte, 1)
	go func() {
		half := make([]byte, 3)
		_, _ = io.ReadFull(from, half)
		from.Close()
		begun <- half
	}()
	large := make([]byte, 1<<19) // of random bytes, which do not pack
	rand.Read(large)
	if err := write(hex.EncodeToString(large)); err == nil {
		t.Fatal("a broken pipe took a line")
	}
	to.Close()
	f.file = disk
	if _, err := disk.Write(<-begun); err != nil {
		t.Fatal(err)
	}
	if err := write("b"); err != nil {
		t.Fatal(err)
	}
	wantRead(t, Reader{Dir: dir, Key: testKey}, "a b")
	if err := f.close(); err != nil {
		t.Fatal(err)
	}
}

// TestEveryByteOfATrailCounts flips a bit of each byte of the first of two files.
// Every time its line is named, and all other lines are read.
func TestEveryByteOfATrailCounts(t *testing.T) {
	dir := t.TempDir()
	writeTrail(t, dir, testKey, 3, "a", "b", "c", "d")
	name := filesOf(t, dir)[0]
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for at := range whole {
		b := bytes.Clone(whole)
		b[at] ^= 1 << (at % 8)
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		hit := bytes.Count(whole[:at], []byte{'\n'})
		words, wrong := read(t, Reader{Dir: dir, Key: testKey})
		if len(wrong) == 0 || !strings.Contains(wrong[0], fmt.Sprintf("%q, line %d: ", filepath.Base(name), hit+1)) {
			t.Errorf("byte %d: wrong is %q", at, wrong)
		}
		want := []string{"a", "b", "c"}
		through := hit + 1
		if whole[at] == '\n' { // two lines became one
			through = min(hit+2, len(want))
		}
		want = append(slices.Delete(want, hit, through), "d")
		if words != strings.Join(want, " ") {
			t.Errorf("byte %d of line %d: read %q", at, hit+1, words)
		}
		if t.Failed() {
			return
		}
	}
}

// TestTampering removes, moves and adds lines.
func TestTampering(t *testing.T) {
	dir := t.TempDir()
	writeTrail(t, dir, testKey, 4, "a", "b", "c", "d", "e", "f", "g", "h")
	other := t.TempDir()
	writeTrail(t, other, testKey, 4, "w", "x", "y", "z") // a file of the same name
	names := filesOf(t, dir)
	linesOf := func(name string) []string {
		t.Helper()
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return slices.Collect(strings.Lines(string(b)))
	}
	first, second := linesOf(names[0]), linesOf(names[1])
	foreign := linesOf(filesOf(t, other)[0])
	for what, c := range map[string]struct {
		lines []string
		words string
		wrong string // the lines that are wrong, and why
	}{
		"nothing":           {first, "a b c d", ""},
		"removed, first":    {first[1:], "b c d", "1 moved"},
		"removed, middle":   {[]string{first[0], first[2], first[3]}, "a c d", "2 moved"},
		"two removed":       {[]string{first[0], first[3]}, "a d", "2 moved"},
		"swapped":           {[]string{first[0], first[2], first[1], first[3]}, "a c b d", "2 moved, 3 moved, 4 moved"},
		"twice":             {[]string{first[0], first[1], first[1], first[2], first[3]}, "a b b c d", "3 moved"},
		"of the other file": {[]string{first[0], second[1], first[2], first[3]}, "a c d", "2 changed"},
		"of before":         {[]string{first[0], foreign[1], first[2], first[3]}, "a x c d", ""},
		"plain":             {[]string{first[0], "{}\n", first[2], first[3]}, "a c d", "2 changed, 3 moved"},
		"empty":             {[]string{first[0], "\n", first[1], first[2], first[3]}, "a b c d", "2 changed, 3 moved"},
		"a line end":        {[]string{first[0], "\r" + first[1], first[2], first[3]}, "a c d", "2 changed, 3 moved"},
		"cut off":           {[]string{first[0], first[1], first[2], first[3][:20]}, "a b c", "4 cut off"},
		"another format":    {[]string{first[0], first[1], first[2], strings.Replace(first[3], "A", "B", 1)}, "a b c", "4 format 6"},
	} {
		if err := os.WriteFile(names[0], []byte(strings.Join(c.lines, "")), 0o600); err != nil {
			t.Fatal(err)
		}
		words, wrong := read(t, Reader{Dir: dir, Key: testKey})
		if words != c.words+" e f g h" {
			t.Errorf("%s: read %q", what, words)
		}
		var want []string
		if c.wrong != "" {
			want = strings.Split(c.wrong, ", ")
		}
		if len(wrong) != len(want) {
			t.Errorf("%s: wrong is %q, want %q", what, wrong, want)
			continue
		}
		for i, w := range want {
			line, why, _ := strings.Cut(w, " ")
			if !strings.Contains(wrong[i], filepath.Base(names[0])+`", line `+line+": ") || !strings.Contains(wrong[i], why) {
				t.Errorf("%s: wrong is %q, want %q", what, wrong, want)
			}
		}
	}
}

func TestAnotherKey(t *testing.T) {
	dir := t.TempDir()
	writeTrail(t, dir, testKey, 2, "a", "b")
	if words, wrong := read(t, Reader{Dir: dir, Key: &Key{4}}); words != "" || len(wrong) != 2 {
		t.Errorf("read %q, %q", words, wrong)
	}
	if err := (&Reader{Dir: dir}).Read(t.Context(), &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "is sealed") {
		t.Errorf("without a key: %v", err)
	}
}

// TestSealingComesAndGoes: a file is sealed or plain, never both.
func TestSealingComesAndGoes(t *testing.T) {
	dir := t.TempDir()
	if sealed, err := Sealed(filepath.Join(dir, "none")); sealed || err != nil {
		t.Error(sealed, err)
	}
	writeTrail(t, dir, nil, 9, "a", "b")
	if sealed, err := Sealed(dir); sealed || err != nil {
		t.Error(sealed, err)
	}
	if f, err := os.OpenFile(filesOf(t, dir)[0], os.O_APPEND|os.O_WRONLY, 0); err != nil {
		t.Fatal(err)
	} else if _, err := f.WriteString("hal"); err != nil {
		t.Fatal(err)
	} else if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	writeTrail(t, dir, testKey, 9, "c", "d")
	writeTrail(t, dir, testKey, 9, "e")
	writeTrail(t, dir, nil, 9, "f")
	if sealed, err := Sealed(dir); !sealed || err != nil {
		t.Error(sealed, err)
	}
	wantRead(t, Reader{Dir: dir, Key: testKey}, "a b c d e f")
	if n := len(filesOf(t, dir)); n != 3 {
		t.Errorf("%d files", n)
	}
	if err := os.WriteFile(filesOf(t, dir)[0], []byte("{\"word\":\"a\"}\n{\"word\":\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if words, wrong := read(t, Reader{Dir: dir, Key: testKey}); words != "a c d e f" || len(wrong) != 1 || !strings.Contains(wrong[0], "line 2: it is no record") {
		t.Errorf("read %q, %q", words, wrong)
	}
}

func TestSinceAndUntil(t *testing.T) {
	dir := t.TempDir()
	writeTrail(t, dir, testKey, 2, "a", "b", "c", "d") // c is an hour and two seconds after a
	writeTrail(t, dir, nil, 1, "e")                    // at the time of a
	for _, c := range []struct {
		since, until time.Duration
		want         string
	}{
		{0, 0, "a b c d e"},
		{time.Second, 0, "b c d"},
		{0, time.Second, "a e"},
		{time.Second, time.Hour + 3*time.Second, "b c"},
		{2 * time.Hour, 0, ""},
	} {
		r := Reader{Dir: dir, Key: testKey}
		if c.since > 0 {
			r.Since = noon.Add(c.since)
		}
		if c.until > 0 {
			r.Until = noon.Add(c.until)
		}
		wantRead(t, r, c.want)
	}
	odd := Reader{Until: noon}
	for _, line := range []string{"{}", `{"eventTime":1}`, `{"eventTime":"noon"}`, "no object"} {
		if !odd.wants([]byte(line)) {
			t.Errorf("%s is kept back", line)
		}
	}
}

// TestFollow reads a trail that goes on: half lines, other lines in their place,
// other files, and files that go.
func TestFollow(t *testing.T) {
	dir := t.TempDir()
	writeTrail(t, dir, testKey, 2, "a", "b", "c")
	var out bytes.Buffer
	seen := func(want string) {
		t.Helper()
		if got := len(wordIn.FindAllString(out.String(), -1)); got != len(strings.Fields(want)) {
			t.Errorf("read %s, want %s", out.String(), want)
		}
	}
	steps := []func(){
		func() {
			seen("a b c")
			f, err := os.OpenFile(filesOf(t, dir)[1], os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteString("half a line that will never be whole"); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		},
		func() {
			seen("a b c")
			writeTrail(t, dir, testKey, 1, "d") // in the same file
		},
		func() {
			seen("a b c d")
			writeTrail(t, dir, nil, 1, "e")
			if err := os.Remove(filesOf(t, dir)[0]); err != nil {
				t.Fatal(err)
			}
		},
		func() {
			seen("a b c d e")
			writeTrail(t, dir, testKey, 1, "f", "g")
		},
		func() { seen("a b c d e f g") },
	}
	r := Reader{Dir: dir, Key: testKey, Wrong: func(err error) { t.Error(err) }}
	r.Wait = func(context.Context) bool {
		steps[0]()
		steps = steps[1:]
		return len(steps) > 0
	}
	if err := r.Read(t.Context(), &out); err != nil || len(steps) > 0 {
		t.Fatal(err, len(steps))
	}
	var all []string
	for _, found := range wordIn.FindAllStringSubmatch(out.String(), -1) {
		all = append(all, found[1])
	}
	if got := strings.Join(all, " "); got != "a b c d e f g" {
		t.Errorf("read %s", got)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Read(cancelled, &out); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestReadingWhileItIsWritten: a Reader that follows sees each record once, in
// order, whatever rotation does.
func TestReadingWhileItIsWritten(t *testing.T) {
	dir := t.TempDir()
	h := newHouse(t, Config{Files: Files{Dir: dir, Key: testKey, BytesMax: 8 << 10, AgeMax: time.Hour, Keep: 1000}})
	const calls = 2000
	go func() {
		for i := range calls {
			h.record(&Call{Time: noon, RequestID: fmt.Sprint(i)})
		}
		h.stop()
		h.advance(time.Hour) // the sign that it has ended
	}()
	var out bytes.Buffer
	last := false
	r := Reader{Dir: dir, Key: testKey, Wrong: func(err error) { t.Error(err) }, Wait: func(context.Context) bool {
		goOn := !last
		last = h.clock() != noon
		return goOn
	}}
	if err := r.Read(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	i := 0
	for line := range strings.Lines(out.String()) {
		if r := recordOf(t, line); r.RequestID != fmt.Sprint(i) {
			t.Fatalf("record %d is %+v", i, r)
		}
		i++
	}
	if n := len(filesOf(t, dir)); i != calls || n < 3 {
		t.Errorf("%d records in %d files", i, n)
	}
}

func TestRewrite(t *testing.T) {
	words := strings.Fields("a b c d e")
	dir := t.TempDir()
	writeTrail(t, dir, nil, 2, words...)
	long := strings.Repeat("x", chunkMax*2/3)
	writeTrail(t, dir, testKey, 1, "f", long, "g"+long)
	want := "a b c d e f " + long + " g" + long
	old := testKey
	for i, key := range []*Key{{5}, {6}, nil, nil, {7}} {
		to := filepath.Join(t.TempDir(), "new")
		from := Reader{Dir: dir, Key: old}
		if err := from.Rewrite(t.Context(), to, key); err != nil {
			t.Fatal(err)
		}
		if got, want := len(filesOf(t, to)), len(filesOf(t, dir)); got != want {
			t.Errorf("%d files, want %d", got, want)
		}
		for _, name := range filesOf(t, to) {
			if n, ok := parseName(filepath.Base(name)); !ok || n.sealed != (key != nil) {
				t.Errorf("rewriting %d has %s", i, name)
			}
		}
		wantRead(t, Reader{Dir: to, Key: key}, want)
		dir, old = to, key
	}
	name := filesOf(t, dir)[1]
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[100] ^= 1
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (&Reader{Dir: dir, Key: old}).Rewrite(t.Context(), t.TempDir(), nil); err == nil || !strings.Contains(err.Error(), filepath.Base(name)+`", line 1: `) {
		t.Errorf("a changed line: %v", err)
	}
}
