// Package process runs a heddle server as a process of its own, for programs
// that measure it or kill it.
package process

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Build compiles the server into a folder, as releases are, and gives the path of the binary.
func Build(ctx context.Context, dir string, flags ...string) (string, error) {
	binary := filepath.Join(dir, "heddle")
	c := exec.CommandContext(ctx, "go", slices.Concat([]string{"build", "-o", binary}, flags, []string{"heddle/cmd/heddle"})...)
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := c.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build heddle: %w\n%s", err, out)
	}
	return binary, nil
}

// Server is a running server.
type Server struct {
	Addr   string
	Opened time.Duration // from the start of the process until it listened

	cmd    *exec.Cmd
	exited chan struct{}
	err    error // how it exited
}

// Start runs a binary until it says where it listens. What the server logs goes
// to stderr. On Linux it is killed when this process ends.
func Start(stderr io.Writer, binary string, args ...string) (*Server, error) {
	began := time.Now()
	cmd := exec.Command(binary, args...)
	cmd.Stderr, cmd.SysProcAttr = stderr, child()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start server: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start server: %w", err)
	}
	s := &Server{cmd: cmd, exited: make(chan struct{})}
	listens := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			if addr, ok := address(lines.Text()); ok {
				listens <- addr
				break
			}
		}
		_, _ = io.Copy(io.Discard, stdout) // until it exits, however that goes
		s.err = cmd.Wait()
		close(s.exited)
	}()
	select {
	case s.Addr = <-listens:
		s.Opened = time.Since(began)
		return s, nil
	case <-s.exited:
		return nil, fmt.Errorf("start server: it ended before it listened: %w", s.err)
	}
}

// address reads the line by which a server says where it listens.
func address(line string) (string, bool) {
	_, rest, ok := strings.Cut(line, " listens on http://")
	if !ok {
		return "", false
	}
	addr, _, _ := strings.Cut(rest, " ")
	return addr, true
}

// Kill ends the server by SIGKILL.
func (s *Server) Kill() error {
	if err := s.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill server: %w", err)
	}
	<-s.exited
	return nil
}

// Stop has the server drain and exit.
func (s *Server) Stop() error {
	if err := s.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	<-s.exited
	if s.err != nil {
		return fmt.Errorf("stop server: %w", s.err)
	}
	return nil
}

// Signal sends the server a signal.
func (s *Server) Signal(signal os.Signal) error {
	if err := s.cmd.Process.Signal(signal); err != nil {
		return fmt.Errorf("signal server: %w", err)
	}
	return nil
}

// Exited is closed when the server has exited.
func (s *Server) Exited() <-chan struct{} { return s.exited }

// Usage is what a server, with the processes that it started and that still
// live, has used since its start.
type Usage struct {
	CPU          time.Duration
	DiskBytes    int64 // that it caused to be written to disk
	WrittenBytes int64 // by write calls: files and sockets
	WriteCalls   int64
	RSSBytes     int64 // now
}

// Usage reads what the kernel knows of the server.
func (s *Server) Usage() (sum Usage, err error) { return UsageOf(s.cmd.Process.Pid) }

// UsageOf reads what the kernel knows of any process.
func UsageOf(pid int) (sum Usage, err error) {
	pids := []int{pid}
	for i := 0; i < len(pids); i++ {
		u, err := usage(pids[i])
		if i > 0 && errors.Is(err, os.ErrNotExist) {
			continue // a child that has ended meanwhile
		}
		if err != nil {
			return sum, fmt.Errorf("read usage: %w", err)
		}
		sum.CPU += u.CPU
		sum.DiskBytes += u.DiskBytes
		sum.WrittenBytes += u.WrittenBytes
		sum.WriteCalls += u.WriteCalls
		sum.RSSBytes += u.RSSBytes
		pids = append(pids, children(pids[i])...)
	}
	return sum, nil
}

// CPU is the processor time that any process has used.
func CPU(pid int) (time.Duration, error) {
	u, err := usage(pid)
	if err != nil {
		return 0, fmt.Errorf("read usage of process %d: %w", pid, err)
	}
	return u.CPU, nil
}

// children are the processes that a process started.
func children(pid int) (pids []int) {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			continue // a thread that has ended meanwhile
		}
		for child := range strings.FieldsSeq(string(text)) {
			if pid, err := strconv.Atoi(child); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

func usage(pid int) (u Usage, err error) {
	proc := fmt.Sprintf("/proc/%d/", pid)
	if u.CPU, err = processorTime(pid); err != nil {
		return u, err
	}
	counted, err := os.ReadFile(proc + "io")
	if err != nil {
		return u, err
	}
	status, err := os.ReadFile(proc + "status")
	if err != nil {
		return u, err
	}
	u.DiskBytes = number(counted, "write_bytes:")
	u.WrittenBytes = number(counted, "wchar:")
	u.WriteCalls = number(counted, "syscw:")
	u.RSSBytes = number(status, "VmRSS:") << 10
	return u, nil
}

// number reads a line "name: n" of a file under /proc.
func number(file []byte, name string) int64 {
	for line := range strings.Lines(string(file)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			n, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return n
		}
	}
	return 0
}
