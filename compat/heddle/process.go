// Package heddle runs the built server as its users do, as a process of its own
// on a free port, and speaks to it without an SDK where the bytes matter.
package heddle

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Limits of how long a server may take.
const (
	startTime = time.Minute
	stopTime  = time.Minute
)

// Several tells whether the binary is several servers, as ../bench/nodes makes it. Each learns within a second what
// has changed at another; docs/CLUSTER.md says of what.
func Several() bool { return os.Getenv("NODES_BINARY") != "" }

// Holds tells whether something holds: of one server at once, of several within a minute.
func Holds(is func() bool) bool {
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(50 * time.Millisecond) {
		if !Several() || time.Now().After(end) {
			return false
		}
	}
	return true
}

// Server is a running process.
type Server struct {
	URL     string
	Addr    string // host:port of the URL
	command *exec.Cmd
	said    *text // on standard error
	exited  chan struct{}
	err     error // why it exited; read it after exited is closed
}

// Binary is the built server, as the environment names it.
func Binary() (string, error) {
	if path := os.Getenv("HEDDLE_BINARY"); path != "" {
		return path, nil
	}
	return "", errors.New("HEDDLE_BINARY names no built server; compat/run builds one")
}

// Start runs the binary's serve command on a free port of the loopback
// interface and the data in a folder, with more flags, until it listens. The root
// key pair is AccessKey and SecretKey. The folder becomes its owner's alone: the
// server takes none that has something in it and lets others in.
func Start(binary, data string, flags ...string) (*Server, error) {
	return StartIn("", binary, data, flags...)
}

// StartIn does so in a working folder, to which flags may be relative.
func StartIn(folder, binary, data string, flags ...string) (*Server, error) {
	root := fmt.Sprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", AccessKey, SecretKey)
	if err := errors.Join(os.Chmod(data, 0o700), os.WriteFile(filepath.Join(data, "credentials"), []byte(root), 0o600)); err != nil {
		return nil, fmt.Errorf("start %q: %w", binary, err)
	}
	s := &Server{said: &text{}, exited: make(chan struct{})}
	s.command = exec.Command(binary, append([]string{"serve", "--listen", "127.0.0.1:0", "--data", data}, flags...)...)
	s.command.Dir, s.command.Stderr = folder, s.said
	out, err := s.command.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start %q: %w", binary, err)
	}
	if err := s.command.Start(); err != nil {
		return nil, fmt.Errorf("start %q: %w", binary, err)
	}
	listens := make(chan string, 1)
	read := make(chan struct{})
	go func() {
		defer close(read)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if _, rest, found := strings.Cut(lines.Text(), " listens on "); found {
				url, _, _ := strings.Cut(rest, " ")
				listens <- url
				break
			}
		}
		_, _ = io.Copy(io.Discard, out)
	}()
	go func() {
		<-read // Wait closes the pipe
		s.err = s.command.Wait()
		close(s.exited)
	}()
	select {
	case s.URL = <-listens:
		s.Addr = strings.TrimPrefix(s.URL, "http://")
		return s, nil
	case <-s.exited:
		return nil, fmt.Errorf("start %q: it ended: %w\n%s", binary, s.err, s.said)
	case <-time.After(startTime):
		return nil, errors.Join(fmt.Errorf("start %q: it did not listen within %s\n%s", binary, startTime, s.said), s.Kill())
	}
}

// Terminate asks the process to end; Wait tells how it did.
func (s *Server) Terminate() error { return s.command.Process.Signal(syscall.SIGTERM) }

// Wait waits for the end of a process that was asked to end.
func (s *Server) Wait() error {
	select {
	case <-s.exited:
		return s.err
	case <-time.After(stopTime):
		return errors.Join(fmt.Errorf("process %d did not end within %s", s.command.Process.Pid, stopTime), s.Kill())
	}
}

// Stop ends the process and waits. A process that has ended before is no error.
func (s *Server) Stop() error {
	if err := s.Terminate(); errors.Is(err, os.ErrProcessDone) {
		return nil
	} else if err != nil {
		return err
	}
	return s.Wait()
}

// Kill ends the process as a power failure would.
func (s *Server) Kill() error {
	if err := s.command.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-s.exited
	return nil
}

// Complaints are the errors that the server logged, without their stacks.
func (s *Server) Complaints() []string {
	var lines []string
	for line := range strings.Lines(s.said.String()) {
		if strings.Contains(line, "level=ERROR") || strings.HasPrefix(line, "panic:") || strings.HasPrefix(line, "fatal error:") || strings.HasPrefix(line, "WARNING: DATA RACE") {
			line, _, _ = strings.Cut(strings.TrimSpace(line), " stack=")
			lines = append(lines, line)
		}
	}
	return lines
}

// text is a buffer for two goroutines.
type text struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (t *text) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.Write(p)
}

func (t *text) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.String()
}
