// Package pgtest starts a PostgreSQL for tests: one of this machine's own programs, as
// an ordinary user, in a temporary folder, on the loopback. Where PostgreSQL is not
// installed and can't be, the tests that want it are skipped, with the reason.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Server is a running PostgreSQL. It ends with the process that started it.
type Server struct {
	bin, folder string
	port        int
	settings    []string
	attributes  *syscall.SysProcAttr

	mu  sync.Mutex // guards cmd
	cmd *exec.Cmd
}

// Options is how to start one.
type Options struct {
	Folder   string   // it makes a folder there
	Settings []string // further ones, as "name=value"
}

// role owns the databases.
const role = "heddle"

// startWithin is how long a start, or a stop, may take.
const startWithin = 60 * time.Second

// ErrAbsent: there is no PostgreSQL, and none can be installed.
var ErrAbsent = errors.New("no PostgreSQL is installed")

var found struct {
	sync.Once
	bin string
	err error
}

// find gives the folder of the newest PostgreSQL's programs. It installs Debian's package if
// there is none and it may.
func find() (string, error) {
	found.Do(func() {
		look := func() string {
			all, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
			if len(all) == 0 {
				return ""
			}
			slices.Sort(all)
			return filepath.Dir(all[len(all)-1])
		}
		if found.bin = look(); found.bin != "" {
			return
		}
		if os.Getuid() != 0 {
			found.err = fmt.Errorf("%w under /usr/lib/postgresql, and only root can install it: apt-get install postgresql", ErrAbsent)
			return
		}
		install := exec.Command("apt-get", "install", "-y", "--no-install-recommends", "postgresql")
		install.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		out, err := install.CombinedOutput()
		if found.bin = look(); found.bin == "" {
			found.err = fmt.Errorf("%w, nor did apt-get install it: %w: %s", ErrAbsent, err, strings.TrimSpace(string(out)))
		}
	})
	return found.bin, found.err
}

// Start starts a server, with an empty database "heddle" of the user "heddle". Errors:
// ErrAbsent.
func Start(o Options) (*Server, error) {
	bin, err := find()
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin, settings: o.Settings, attributes: &syscall.SysProcAttr{}}
	if s.folder, err = os.MkdirTemp(o.Folder, "postgres-"); err != nil {
		return nil, err
	}
	if err := s.own(); err != nil {
		return nil, err
	}
	init := s.command("initdb", "-D", s.data(), "-U", role, "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync", "--no-instructions")
	if out, err := init.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	for range 5 { // somebody else may be as quick
		if s.port, err = freePort(); err != nil {
			return nil, err
		}
		if err = s.Start(); err == nil {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	if out, err := s.command("createdb", "-h", "127.0.0.1", "-p", strconv.Itoa(s.port), "-U", role, role).CombinedOutput(); err != nil {
		s.Remove()
		return nil, fmt.Errorf("createdb: %w\n%s", err, out)
	}
	return s, nil
}

// own gives the folder to an ordinary user, if we are root, as whom PostgreSQL refuses to
// run.
func (s *Server) own() error {
	if os.Getuid() != 0 {
		return nil
	}
	var who *user.User
	err := error(nil)
	for _, name := range []string{"postgres", "nobody"} {
		if who, err = user.Lookup(name); err == nil {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("find an ordinary user: %w", err)
	}
	uid, err := strconv.ParseUint(who.Uid, 10, 32)
	if err != nil {
		return err
	}
	gid, err := strconv.ParseUint(who.Gid, 10, 32)
	if err != nil {
		return err
	}
	s.attributes.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	// All above must let that user through.
	for dir := filepath.Dir(s.folder); strings.HasPrefix(dir, os.TempDir()+"/"); dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err == nil && info.Mode()&0o001 == 0 {
			if err := os.Chmod(dir, info.Mode()|0o011); err != nil {
				return err
			}
		}
	}
	return os.Chown(s.folder, int(uid), int(gid))
}

func (s *Server) data() string { return filepath.Join(s.folder, "data") }

func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.SysProcAttr, cmd.Dir = s.attributes, "/"
	return cmd
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// Start starts the server again after it has ended, and returns when it answers.
func (s *Server) Start() error {
	args := []string{"-D", s.data(), "-p", strconv.Itoa(s.port), "-k", s.folder, "-h", "127.0.0.1", "-c", "log_min_messages=fatal"}
	for _, setting := range s.settings {
		args = append(args, "-c", setting)
	}
	cmd := s.command("postgres", args...)
	var log strings.Builder
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	late := time.After(startWithin)
	for s.command("pg_isready", "-q", "-h", "127.0.0.1", "-p", strconv.Itoa(s.port)).Run() != nil {
		select {
		case <-late:
			_ = cmd.Process.Signal(syscall.SIGQUIT)
			return errors.New("start PostgreSQL: it does not answer")
		case err := <-exited:
			return fmt.Errorf("start PostgreSQL: it ended: %w\n%s", err, log.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cmd = cmd
	return nil
}

// stop ends the server by a signal: SIGINT as an administrator would, SIGQUIT at once,
// so that the next start recovers from the log.
func (s *Server) stop(signal syscall.Signal) error {
	s.mu.Lock()
	cmd := s.cmd
	s.cmd = nil
	s.mu.Unlock()
	if cmd == nil {
		return nil
	}
	if err := cmd.Process.Signal(signal); err != nil {
		return fmt.Errorf("stop PostgreSQL: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	for ctx.Err() == nil {
		if _, err := os.Stat(filepath.Join(s.data(), "postmaster.pid")); signal == syscall.SIGINT && errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if cmd.Process.Signal(syscall.Signal(0)) != nil {
			return nil
		}
		time.Sleep(5 * time.Millisecond)
	}
	return errors.New("stop PostgreSQL: it does not end")
}

// Crash ends the server without any care.
func (s *Server) Crash() error { return s.stop(syscall.SIGQUIT) }

// Signal sends all processes of the server a signal, such as SIGSTOP.
func (s *Server) Signal(signal syscall.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return errors.New("PostgreSQL does not run")
	}
	pid := s.cmd.Process.Pid
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return err
	}
	errs := []error{s.cmd.Process.Signal(signal)}
	for child := range strings.FieldsSeq(string(children)) {
		if pid, err := strconv.Atoi(child); err == nil {
			if err := syscall.Kill(pid, signal); !errors.Is(err, syscall.ESRCH) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// Standby starts a server that follows this one, by way of a port that leads to it. What is
// committed here waits for it from SyncWith on.
func (s *Server) Standby(o Options, name string, port int) (*Server, error) {
	by := &Server{bin: s.bin, settings: o.Settings, attributes: s.attributes}
	var err error
	if by.folder, err = os.MkdirTemp(o.Folder, "postgres-"); err != nil {
		return nil, err
	}
	if err := by.own(); err != nil {
		return nil, err
	}
	from := fmt.Sprintf("host=127.0.0.1 port=%d user=%s application_name=%s", port, role, name)
	copied := by.command("pg_basebackup", "-D", by.data(), "-d", from, "-R", "-X", "stream", "-c", "fast", "--no-sync")
	if out, err := copied.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("pg_basebackup: %w\n%s", err, out)
	}
	if by.port, err = freePort(); err != nil {
		return nil, err
	}
	return by, by.Start()
}

// SyncWith has commits wait for standbys, by their names; "": for none.
func (s *Server) SyncWith(names string) error {
	for _, sql := range []string{"alter system set synchronous_standby_names = '" + names + "'", "select pg_reload_conf()"} {
		if _, err := s.SQL(sql); err != nil {
			return err
		}
	}
	return nil
}

// Promote makes a standby one that takes writes.
func (s *Server) Promote() error {
	_, err := s.SQL("select pg_promote(true, 60)")
	return err
}

// Port is where the server listens, on the loopback.
func (s *Server) Port() int { return s.port }

// PID is the process of the server.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cmd.Process.Pid
}

// Remove ends the server and removes what it had.
func (s *Server) Remove() {
	_ = s.stop(syscall.SIGINT)
	_ = os.RemoveAll(s.folder)
}

// DSN leads to the database.
func (s *Server) DSN() string { return s.DSNOf(role) }

// DSNOf leads to a database, which need not exist.
func (s *Server) DSNOf(database string) string {
	return fmt.Sprintf("postgres://%s@127.0.0.1:%d/%s?sslmode=disable", role, s.port, database)
}

// SQL runs statements by psql, and gives what it prints.
func (s *Server) SQL(sql string) (string, error) {
	out, err := s.command("psql", "-h", "127.0.0.1", "-p", strconv.Itoa(s.port), "-U", role, "-d", role, "-v", "ON_ERROR_STOP=1", "-qAtc", sql).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("psql: %w: %s", err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// InMemory has a server keep its files in memory where that can be: a test that ends the
// server leaves the machine alive.
func InMemory() Options {
	const shared = "/dev/shm"
	folder, err := os.MkdirTemp(shared, "heddle-")
	if err != nil {
		return Options{}
	}
	_ = os.Remove(folder)
	return Options{Folder: shared}
}

// New starts a server for one test, and removes it when the test ends.
func New(t testing.TB, settings ...string) *Server {
	t.Helper()
	o := InMemory()
	o.Settings = settings
	s, err := Start(o)
	if errors.Is(err, ErrAbsent) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Remove)
	return s
}

// Shared is a server that all tests of a package share that need no other settings, started by the first one that wants it.
type Shared struct {
	once   sync.Once
	server *Server
	err    error
}

// Get gives the server.
func (s *Shared) Get(t testing.TB) *Server {
	t.Helper()
	s.once.Do(func() { s.server, s.err = Start(InMemory()) })
	if errors.Is(s.err, ErrAbsent) {
		t.Skip(s.err)
	}
	if s.err != nil {
		t.Fatal(s.err)
	}
	return s.server
}

// Run runs the tests of a package, then removes the server.
func (s *Shared) Run(m *testing.M) int {
	result := m.Run()
	if s.server != nil {
		s.server.Remove()
	}
	return result
}

// began is when the tests did.
var began = time.Now()

// Elapsed is for pgstore.Options.
func Elapsed() time.Duration { return time.Since(began) }
