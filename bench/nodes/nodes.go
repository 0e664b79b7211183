package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/jackc/pgx/v5/pgconn"

	"heddle/bench/process"
)

// names are those of the nodes, and of their folders.
var names = []string{"a", "b", "c"}

// house is a data folder with nodes in it.
type house struct {
	binary, dsn, data string
	servers           []*process.Server
}

func (h *house) folder(name string) string { return filepath.Join(h.data, name) }

// beHeddle does what a command of Heddle's does, with three nodes.
func beHeddle(binary, dsn string, args []string) (status int, err error) {
	if len(args) == 0 {
		return 0, syscall.Exec(binary, []string{binary}, os.Environ())
	}
	rest, data := take(args[1:], "--data")
	h := &house{binary: binary, data: data}
	switch {
	case args[0] == "serve" && !slices.ContainsFunc(args, alone):
		if err := h.open(dsn, true); err != nil {
			return 1, err
		}
		return h.serve(rest)
	case slices.Contains([]string{"check", "export", "audit"}, args[0]) && h.open(dsn, false) == nil:
		of, flags := names[:1], h.flags // any of them reads the database
		if args[0] == "audit" {
			of, flags = names, h.folderFlags
		}
		for _, name := range of {
			c := exec.Command(binary, slices.Concat(args[:1], flags(name), rest)...)
			c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
			if err := c.Run(); err != nil {
				return max(c.ProcessState.ExitCode(), 1), nil
			}
		}
		return 0, nil
	}
	return 0, syscall.Exec(binary, append([]string{binary}, args...), os.Environ())
}

// alone tells whether a flag is for one server only.
func alone(flag string) bool {
	name, _, _ := strings.Cut(flag, "=")
	return name == "--time-skip" || name == "--dev"
}

// take takes a flag with a value out of others.
func take(args []string, name string) (rest []string, value string) {
	for i := 0; i < len(args); i++ {
		switch after, found := strings.CutPrefix(args[i], name+"="); {
		case found:
			value = after
		case args[i] == name && i+1 < len(args):
			i++
			value = args[i]
		default:
			rest = append(rest, args[i])
		}
	}
	return rest, value
}

// open finds the database of a data folder, or makes it.
func (h *house) open(dsn string, makes bool) error {
	if h.data == "" {
		h.data = "heddle-data"
	}
	file := filepath.Join(h.data, "database")
	name, err := os.ReadFile(file)
	if makes && errors.Is(err, fs.ErrNotExist) {
		name = []byte("nodes_" + strings.ToLower(rand.Text()))
		if err = errors.Join(os.MkdirAll(h.data, 0o700), h.create(dsn, string(name))); err == nil {
			err = os.WriteFile(file, name, 0o600)
		}
	}
	h.dsn = strings.Replace(dsn, "/heddle?", "/"+string(name)+"?", 1)
	return err
}

func (h *house) create(dsn, database string) error {
	ctx := context.Background()
	c, err := pgconn.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	_, err = c.Exec(ctx, "create database "+database).ReadAll()
	return errors.Join(err, c.Close(ctx))
}

// flags are those of a node that all commands have which need the database.
func (h *house) flags(name string) []string {
	return append(h.folderFlags(name), "--postgres", h.dsn)
}

// folderFlags are those of commands that read a node's folder alone.
func (h *house) folderFlags(name string) []string {
	return []string{"--data", h.folder(name), "--root-key-file", filepath.Join(h.data, "root.key")}
}

// goneWithin is how long a node that was killed may take to end: it has its folder until then.
const goneWithin = time.Minute

// awaitGone returns when nobody has the folder of a node any more.
func (h *house) awaitGone(name string) error {
	if err := os.MkdirAll(h.folder(name), 0o700); err != nil {
		return err
	}
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		lock, err := vfs.Default.Lock(filepath.Join(h.folder(name), "node.lock"))
		if err == nil {
			return lock.Close()
		}
		if time.Since(began) > goneWithin {
			return fmt.Errorf("node %s: it was killed, and has its folder still: %w", name, err)
		}
	}
}

// loopback is an address of this machine on which nobody else takes a port that was found free, where
// the whole network is this machine's.
func loopback() string {
	if runtime.GOOS != "linux" {
		return "127.0.0.1"
	}
	var b [3]byte
	rand.Read(b[:])
	return fmt.Sprintf("127.%d.%d.%d", b[0], b[1], 1+b[2]%254)
}

// start starts a node.
func (h *house) start(name string, flags []string) (*process.Server, error) {
	if err := h.awaitGone(name); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", loopback()+":0")
	if err != nil {
		return nil, err
	}
	links := l.Addr().String()
	if err := l.Close(); err != nil {
		return nil, err
	}
	own := append([]string{"serve", "--listen", "127.0.0.1:0", "--store", "postgres", "--node", name, "--cluster-listen", links}, h.flags(name)...)
	s, err := process.Start(os.Stderr, h.binary, slices.Concat(own, flags)...)
	if err != nil {
		return nil, fmt.Errorf("node %s: %w", name, err)
	}
	return s, nil
}

// startAll starts the first node, whose credentials may be there from before, and then the others, who take
// theirs from the database.
func (h *house) startAll(flags []string) error {
	outside, inside := filepath.Join(h.data, "credentials"), filepath.Join(h.folder(names[0]), "credentials")
	if err := h.awaitGone(names[0]); err != nil {
		return err
	}
	if err := copyFile(inside, outside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	h.servers = make([]*process.Server, len(names))
	var err error
	if h.servers[0], err = h.start(names[0], flags); err != nil {
		return err
	}
	var all sync.WaitGroup
	errs := make([]error, len(names))
	for i := 1; i < len(names); i++ {
		all.Go(func() { h.servers[i], errs[i] = h.start(names[i], flags) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if err := copyFile(outside, inside); !errors.Is(err, fs.ErrNotExist) { // as with --auth none
		return err
	}
	return nil
}

func copyFile(to, from string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o600)
}

// serve serves until it is told to end, and gives the status of the node that ended worst.
func (h *house) serve(flags []string) (status int, err error) {
	began := time.Now()
	flags, listen := take(flags, "--listen")
	flags, store := take(flags, "--store")
	if listen == "" {
		listen = "127.0.0.1:7930"
	}
	if store != "" && store != "memory" && store != "pebble" {
		return 2, fmt.Errorf("--store %s: want none, since the nodes are on PostgreSQL", store)
	}
	ends := make(chan os.Signal, 1)
	signal.Notify(ends, os.Interrupt, syscall.SIGTERM)
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return 1, err
	}
	err = h.startAll(flags)
	defer func() { err = errors.Join(err, h.stop()) }()
	if err != nil {
		return 1, err
	}
	addresses := make([]string, len(h.servers))
	ended := make(chan struct{}, len(h.servers))
	for i, s := range h.servers {
		addresses[i] = s.Addr
		go func() {
			<-s.Exited()
			ended <- struct{}{}
		}()
	}
	front := &http.Server{Handler: spread(addresses), ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = front.Serve(l) }()
	fmt.Printf("heddle, of %d nodes, listens on http://%s after %d ms\n", len(names), l.Addr(), time.Since(began).Milliseconds())
	select {
	case <-ends:
	case <-ended:
		err = errors.New("a node ended by itself")
	}
	err = errors.Join(err, h.stop())
	return 0, errors.Join(err, front.Close())
}

// stop ends all nodes at once; each is to end well.
func (h *house) stop() error {
	errs := make([]error, len(h.servers))
	var all sync.WaitGroup
	for i, s := range h.servers {
		if s != nil {
			all.Go(func() { errs[i] = s.Stop() })
		}
	}
	all.Wait()
	h.servers = nil
	return errors.Join(errs...)
}

// bodyMax is more than any server takes.
const bodyMax = 1 << 40

// spread passes each request to the next of some servers, and what people look at to the first. A request
// whose server breaks off breaks off too.
func spread(addresses []string) http.Handler {
	var requests atomic.Uint64
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", addresses[0], r.In.Host
			if !ofOne(r.In) {
				r.Out.URL.Host = addresses[requests.Add(1)%uint64(len(addresses))]
			}
		},
		Transport:     &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 1000, IdleConnTimeout: time.Second},
		FlushInterval: -1,
		ErrorHandler:  func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ErrorLog:      log.New(io.Discard, "", 0),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A body that is said to be larger than any is refused before it has come, and its answer would wait for it.
		if r.ProtoMajor == 1 && r.ContentLength > bodyMax {
			if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
				panic(http.ErrAbortHandler)
			}
		}
		proxy.ServeHTTP(w, r)
	})
}

// ofOne tells whether a request is about the server that answers it.
func ofOne(r *http.Request) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	return r.Method == http.MethodGet && slices.Contains([]string{"console", "metrics", "health", "ready", "debug"}, first) || first == "console"
}
