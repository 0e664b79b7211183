package notify

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"heddle/internal/engine"
	"heddle/internal/secretfile"
)

// DeadLetter is an event that was given up, since its target said that it would never take it.
type DeadLetter struct {
	At    time.Time       `json:"time"` // when it was given up
	Error string          `json:"error"`
	Run   string          `json:"run"` // in whose order it went out
	Event json.RawMessage `json:"event"`
}

// id is that of the event.
func (l *DeadLetter) id() string {
	var e struct {
		ID string `json:"id"`
	}
	_ = json.Unmarshal(l.Event, &e) // it is an event of ours
	return e.ID
}

// deadLetters are the events of a target that were given up. They lie in NAME.dead and,
// when it was full, NAME.dead.1 and so on, the oldest in the last; those that are to be sent
// again in NAME.again.1 and so on, the oldest in the first. Each is a line of its own, sealed:
//
//	base64 of nonce (12) | ciphertext | tag (16)
//
// of a DeadLetter as JSON, with the target's name as associated data.
//
// What is sent again is deleted a file at a time, when all that is in it has gone or was given
// up anew. After a kill those come again that had gone of the file.
type deadLetters struct {
	lines
	name string
	seal cipher.AEAD

	// What follows is of the target's goroutine alone.
	wait   engine.Time // before the next is sent again
	tries  uint
	reader *letterReader // of the file that is sent again; nil: none is

	mu    sync.Mutex // guards what follows
	dead  int64      // that there are
	again int64      // that are sent again
	asked bool       // those that are dead are to be sent again
}

const (
	deadMegabytes = 100
	deadFiles     = 10
)

func newDeadLetters(dir, name string, key [32]byte) *deadLetters {
	d := &deadLetters{name: name}
	if dir != "" {
		d.File = File{Path: filepath.Join(dir, name+".dead"), Megabytes: deadMegabytes, Files: deadFiles}
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(fmt.Sprintf("notify: AES with a key of %d bytes: %v", len(key), err))
	}
	if d.seal, err = cipher.NewGCM(block); err != nil {
		panic(fmt.Sprintf("notify: GCM: %v", err))
	}
	return d
}

// open counts what is there.
func (d *deadLetters) open() error {
	if d.Path == "" {
		return nil
	}
	dead, err := countLines(d.deadFiles())
	again, paths := int64(0), []string(nil)
	if err == nil {
		paths, err = d.againFiles()
	}
	if err == nil {
		again, err = countLines(paths)
	}
	d.mu.Lock()
	d.dead, d.again = dead, again
	d.mu.Unlock()
	return err
}

// deadFiles are the files of what is dead, the oldest first; some may not be there.
func (d *deadLetters) deadFiles() []string {
	var all []string
	for n := d.Files - 1; n > 0; n-- {
		all = append(all, fmt.Sprintf("%s.%d", d.Path, n))
	}
	return append(all, d.Path)
}

func (d *deadLetters) againPath(n int) string {
	return fmt.Sprintf("%s.again.%d", strings.TrimSuffix(d.Path, ".dead"), n)
}

// againFiles are the files of what is sent again, the oldest first.
func (d *deadLetters) againFiles() (paths []string, err error) {
	entries, err := os.ReadDir(filepath.Dir(d.Path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var numbers []int
	for _, e := range entries {
		if digits, is := strings.CutPrefix(e.Name(), d.name+".again."); is {
			if n, err := strconv.Atoi(digits); err == nil && n > 0 {
				numbers = append(numbers, n)
			}
		}
	}
	slices.Sort(numbers)
	for _, n := range numbers {
		paths = append(paths, d.againPath(n))
	}
	return paths, err
}

// add sets an event aside. Without a folder it is forgotten.
func (d *deadLetters) add(l DeadLetter) error {
	if d.Path == "" {
		return nil
	}
	text, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("write event as JSON: %w", err)
	}
	nonce := make([]byte, d.seal.NonceSize())
	rand.Read(nonce)
	line := append(base64.StdEncoding.AppendEncode(nil, d.seal.Seal(nonce, nonce, text, []byte(d.name))), '\n')
	if err := d.write(line); err != nil {
		return err
	}
	d.mu.Lock()
	d.dead++
	d.mu.Unlock()
	if d.size == int64(len(line)) { // it is the first of a file, and the oldest may have gone
		return d.open()
	}
	return nil
}

// unseal reads a line.
func (d *deadLetters) unseal(line []byte) (*DeadLetter, error) {
	raw, err := base64.StdEncoding.AppendDecode(nil, bytes.TrimSuffix(line, []byte{'\n'}))
	if n := d.seal.NonceSize(); err == nil && len(raw) < n {
		err = io.ErrUnexpectedEOF
	} else if err == nil {
		raw, err = d.seal.Open(nil, raw[:n], raw[n:], []byte(d.name))
	}
	l := new(DeadLetter)
	if err == nil {
		err = json.Unmarshal(raw, l)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errBroken, err)
	}
	return l, nil
}

var errBroken = errors.New("an event that was given up can't be read; it was changed, or is from another store")

// letterReader reads a file of sealed letters.
type letterReader struct {
	path   string
	file   *os.File
	text   *bufio.Reader
	ahead  *DeadLetter // the one that was read last and is not done
	broken bool        // some could not be read
}

// letters opens a file; nil: it is not there.
func letters(path string) (*letterReader, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &letterReader{path: path, file: f, text: bufio.NewReaderSize(f, 64<<10)}, nil
}

// read gives the next letter; nil: there is none. Part of a line, as a kill leaves it or as it
// is just being written, is none. After errBroken there may be further ones.
func (r *letterReader) read(d *deadLetters) (*DeadLetter, error) {
	line, err := r.text.ReadBytes('\n')
	if err == io.EOF {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	l, err := d.unseal(line)
	if err != nil {
		r.broken = true
		return nil, fmt.Errorf("%q: %w", r.path, err)
	}
	return l, nil
}

// end closes the file and deletes it, or renames it if something in it could not be read.
func (r *letterReader) end() error {
	err := r.file.Close()
	if r.broken {
		err = errors.Join(err, os.Rename(r.path, r.path+".broken"))
	} else {
		err = errors.Join(err, os.Remove(r.path))
	}
	return errors.Join(err, secretfile.SyncDir(filepath.Dir(r.path)))
}

// ask has those that are dead sent again, and tells how many they are.
func (d *deadLetters) ask() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = d.dead > 0
	return d.dead
}

// turn moves the files of what is dead behind those of what is sent again, if that was asked
// for.
func (d *deadLetters) turn() (err error) {
	d.mu.Lock()
	asked := d.asked
	d.asked = false
	d.mu.Unlock()
	if !asked {
		return nil
	}
	defer func() {
		if err != nil {
			d.mu.Lock()
			d.asked = true
			d.mu.Unlock()
		}
	}()
	paths, err := d.againFiles()
	if err = errors.Join(err, d.lines.close()); err != nil {
		return err
	}
	n := 0
	if len(paths) > 0 {
		last := paths[len(paths)-1]
		if n, err = strconv.Atoi(last[strings.LastIndexByte(last, '.')+1:]); err != nil {
			return err
		}
	}
	for _, from := range d.deadFiles() {
		if err := os.Rename(from, d.againPath(n+1)); err == nil {
			n++
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return errors.Join(secretfile.SyncDir(filepath.Dir(d.Path)), d.open())
}

// next is the next letter that is to be sent again; nil: none is.
func (d *deadLetters) next() (*DeadLetter, error) {
	if d.Path == "" {
		return nil, nil
	}
	if err := d.turn(); err != nil {
		return nil, err
	}
	for {
		if d.reader == nil {
			paths, err := d.somethingAgain()
			if err != nil || len(paths) == 0 {
				return nil, err
			}
			if d.reader, err = letters(paths[0]); err != nil || d.reader == nil {
				return nil, err
			}
		}
		r := d.reader
		if r.ahead != nil {
			return r.ahead, nil
		}
		var err error
		if r.ahead, err = r.read(d); errors.Is(err, errBroken) {
			return nil, err
		}
		if err != nil {
			d.reader = nil
			return nil, errors.Join(err, r.file.Close())
		}
		if r.ahead != nil {
			return r.ahead, nil
		}
		d.reader = nil
		if err := r.end(); err != nil {
			return nil, err
		}
	}
}

// somethingAgain are the files of what is sent again, if there is something.
func (d *deadLetters) somethingAgain() ([]string, error) {
	d.mu.Lock()
	n := d.again
	d.mu.Unlock()
	if n == 0 {
		return nil, nil
	}
	paths, err := d.againFiles()
	if err == nil && len(paths) == 0 {
		d.mu.Lock()
		d.again = 0
		d.mu.Unlock()
	}
	return paths, err
}

// done says that the next letter has gone, or was given up anew. When it is the last of its
// file, that goes.
func (d *deadLetters) done() error {
	d.reader.ahead = nil
	d.mu.Lock()
	d.again--
	d.mu.Unlock()
	_, err := d.next()
	return err
}

func (d *deadLetters) end() (err error) {
	if d.reader != nil {
		err = d.reader.file.Close()
	}
	return errors.Join(err, d.close())
}

// oldest gives the letters that were given up first, so many and so many bytes at most.
func (d *deadLetters) oldest(n, bytesMax int) (all []DeadLetter, err error) {
	if d.Path == "" {
		return nil, nil
	}
	for _, path := range d.deadFiles() {
		if all, err = d.appendOf(all, path, n, &bytesMax); err != nil || len(all) == n || bytesMax <= 0 {
			return all, err
		}
	}
	return all, nil
}

func (d *deadLetters) appendOf(all []DeadLetter, path string, n int, bytesLeft *int) ([]DeadLetter, error) {
	r, err := letters(path)
	if err != nil || r == nil {
		return all, err
	}
	defer func() { _ = r.file.Close() }()
	for len(all) < n && *bytesLeft > 0 {
		l, err := r.read(d)
		if errors.Is(err, errBroken) {
			continue // who sends it again hears of it
		}
		if err != nil || l == nil {
			return all, err
		}
		all = append(all, *l)
		*bytesLeft -= len(l.Event)
	}
	return all, nil
}

// countLines counts the lines of files that are there.
func countLines(paths []string) (n int64, err error) {
	room := make([]byte, 256<<10)
	for _, path := range paths {
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return n, err
		}
		for err == nil {
			var read int
			read, err = f.Read(room)
			n += int64(bytes.Count(room[:read], []byte{'\n'}))
		}
		if closed := f.Close(); err != io.EOF || closed != nil {
			return n, errors.Join(err, closed)
		}
	}
	return n, nil
}
