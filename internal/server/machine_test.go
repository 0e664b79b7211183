package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"heddle/internal/blob/blobtest"
	"heddle/internal/runlog"
	"heddle/internal/sealing"
	"heddle/internal/store/pebblestore"
	"heddle/internal/swf/wire"
)

// machine is a computer of the test: a disk that may fail and lose what was not
// synced, and one process on it, which is a whole server. Several lives of the
// process follow each other on what the disk keeps.
type machine struct {
	t      testing.TB
	data   string  // a real folder, for what is not the store's
	ledger *ledger // what clients were told; nil: nobody listens
	disk   *vfs.MemFS
	loss   int                       // per cent of what is not synced that a power cut takes
	seed   uint64                    // which part that is
	fault  func(op errorfs.Op) error // asked before each operation of the disk, in the lives that begin now; may be nil

	hold time.Duration // how long polls wait
	set  func(*Config) // changes the settings of its processes; may be nil
	lies atomic.Bool   // the disk says that it has synced what it has not

	// lonely: the process starts or stops, and nobody commits. If Pebble can't end
	// its log then, it panics.
	lonely atomic.Bool

	mu     sync.Mutex
	server *Server
	client *http.Client
	ended  context.Context // of the present life
	end    context.CancelFunc
	log    strings.Builder // errors that this life logged
}

func newMachine(t testing.TB, data string, disk *vfs.MemFS) *machine {
	return &machine{t: t, data: data, disk: disk, hold: 5 * time.Second}
}

// errDied says that the process ended by itself.
var errDied = errors.New("the process has ended")

// boot starts a process on the disk.
func (m *machine) boot() error {
	ended, end := context.WithCancel(context.Background())
	m.mu.Lock()
	m.ended, m.end = ended, end
	m.lonely.Store(true)
	m.client = httpClient()
	m.log.Reset()
	m.mu.Unlock()
	exit := func(int) {
		m.cut(ended)
		select {} // os.Exit would not come back either
	}
	fault := m.fault
	files := errorfs.Wrap(lyingDisk{m.disk, &m.lies}, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if ended.Err() != nil {
			select {} // nothing that an ended life still does is of interest
		}
		if fault == nil {
			return nil
		}
		err := fault(op)
		lonely := m.lonely.Load()
		waits := errors.Is(err, syscall.ENOSPC) && !lonely // then the store does, and Pebble hears nothing
		if err != nil && !waits && (lonely && strings.HasSuffix(op.Path, ".log") || underPanic()) {
			exit(2)
		}
		return err
	}))
	cfg := Config{
		Listen: "127.0.0.1:0", Data: m.data, Auth: AuthNone, PollHold: m.hold, CachedStates: 640, blobFiles: blobtest.Files(files), diskEvery: func() time.Duration { return 5 * time.Millisecond },
		Log: slog.New(slog.NewTextHandler(&lifeLog{m, ended}, &slog.HandlerOptions{Level: slog.LevelError})),
		machine: func(o *pebblestore.Options) {
			o.Dir, o.Files, o.Exit, o.CacheBytes = storeFolder, files, exit, 1<<20
			o.NoCompactions = fault != nil
		},
	}
	if m.set != nil {
		m.set(&cfg)
	}
	type started struct {
		server *Server
		err    error
	}
	result := make(chan started, 1)
	go func() {
		s, err := Start(context.Background(), cfg)
		result <- started{s, err}
	}()
	select {
	case r := <-result:
		m.mu.Lock()
		defer m.mu.Unlock()
		m.lonely.Store(false)
		m.server = r.server
		return r.err
	case <-ended.Done():
		return errDied
	}
}

// storeFolder is where a machine's disk has the store.
const storeFolder = "/store"

// underPanic tells whether Pebble is where it panics if the disk fails: it moves
// a marker, or makes a new log. That ends a process as well as exit does, but
// would end the test too.
func underPanic() bool {
	var callers [32]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers[:])])
	for {
		frame, more := frames.Next()
		if strings.HasSuffix(frame.Function, "atomicfs.(*Marker).Move") || strings.HasSuffix(frame.Function, "pebble/v2.(*DB).rotateWAL") {
			return true
		}
		if !more {
			return false
		}
	}
}

// lifeLog keeps what a life logs while it lasts.
type lifeLog struct {
	m    *machine
	life context.Context
}

func (w *lifeLog) Write(b []byte) (int, error) {
	w.m.mu.Lock()
	defer w.m.mu.Unlock()
	if w.m.ended == w.life && w.life.Err() == nil {
		w.m.log.Write(b)
	}
	return len(b), nil
}

func (m *machine) logged() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.log.String()
}

// cut ends a life at once: its clients hear no more, and the disk is what a power
// cut leaves. The kernel that would have closed its sockets is the test.
func (m *machine) cut(life context.Context) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ended != life || life.Err() != nil {
		return
	}
	if m.ledger != nil {
		m.ledger.mu.Lock()
		defer m.ledger.mu.Unlock()
	}
	m.end()
	m.disk = m.clone()
	if s := m.server; s != nil {
		go s.Close(m.ended) // which waits for ever at the disk, or ends
	}
	m.server = nil
	m.client.CloseIdleConnections()
}

// clone is the disk as a power cut would leave it now.
//
// It may lose any entries of a folder that are not synced. Journaling file systems
// keep the order of entries, and Pebble relies on that at one place: it makes a
// manifest, then the marker that names it, and then syncs the folder. So a marker
// goes with its manifest here.
func (m *machine) clone() *vfs.MemFS {
	disk := m.disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100 - m.loss, RNG: rand.New(rand.NewPCG(m.seed, 7))})
	names, err := disk.List(storeFolder)
	if err != nil {
		return disk // there is no store yet
	}
	for _, name := range names {
		marker, manifest, _ := strings.Cut(name, ".MANIFEST-")
		if strings.HasPrefix(marker, "marker.manifest.") && !slices.Contains(names, "MANIFEST-"+manifest) {
			if err := disk.Remove(disk.PathJoin(storeFolder, name)); err != nil {
				m.t.Error(err)
			}
		}
	}
	return disk
}

// powerCut ends the present life.
func (m *machine) powerCut() { m.cut(m.ended) }

// alive tells whether the present life goes on.
func (m *machine) alive() bool { return m.ended.Err() == nil }

// shutDown stops the process as an operator does. The store is closed, unless the
// disk prevents that.
func (m *machine) shutDown() error {
	m.mu.Lock()
	s, life := m.server, m.ended
	m.mu.Unlock()
	if s == nil {
		return errDied
	}
	closed := make(chan error, 1)
	m.lonely.Store(true)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), pollHoldMax/2)
		defer cancel()
		closed <- s.Close(ctx)
	}()
	select {
	case err := <-closed:
		m.mu.Lock()
		defer m.mu.Unlock()
		m.server = nil
		m.client.CloseIdleConnections()
		return err
	case <-life.Done():
		return errDied
	}
}

// lyingDisk does not always sync what it says it has.
type lyingDisk struct {
	vfs.FS
	lies *atomic.Bool
}

func (d lyingDisk) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.FS.Create(name, category)
	return lyingFile{f, d.lies}, err
}

type lyingFile struct {
	vfs.File
	lies *atomic.Bool
}

func (f lyingFile) Sync() error {
	if f.lies.Load() {
		return nil
	}
	return f.File.Sync()
}

func (f lyingFile) SyncData() error {
	if f.lies.Load() {
		return nil
	}
	return f.File.SyncData()
}

func (f lyingFile) SyncTo(length int64) (fullSync bool, err error) {
	if f.lies.Load() {
		return true, nil
	}
	return f.File.SyncTo(length)
}

func httpClient() *http.Client {
	return &http.Client{Transport: strict(&http.Transport{MaxIdleConnsPerHost: 8, DisableCompression: true})}
}

// heard is what a client got.
type heard struct {
	status int    // 0: no answer
	fault  string // the type of a refusal
	body   []byte
}

func (a *heard) ok() bool { return a.status == http.StatusOK }

// unknown: the call may or may not have happened.
func (a *heard) unknown() bool { return a.status == 0 || a.status >= 500 }

// errUnanswered: who asked is to ask again.
var errUnanswered = errors.New("the outcome is unknown")

// failure says what a call that had to succeed heard.
func (a *heard) failure(action string) error {
	err := fmt.Errorf("%s: %d %s", action, a.status, a.body)
	if a.unknown() {
		return fmt.Errorf("%w: %w", errUnanswered, err)
	}
	return err
}

// into decodes a good answer.
func (a *heard) into(v any) error {
	if !a.ok() {
		return fmt.Errorf("%d %s", a.status, a.body)
	}
	return json.Unmarshal(a.body, v)
}

// patience bounds every call; only a server that hangs meets it.
const patience = 2 * time.Minute

var errHangs = errors.New("the server hangs")

// call asks the process for an action of SWF.
func (m *machine) call(ctx context.Context, action, body string) heard {
	return m.ask(ctx, wire.TargetPrefix, action, body)
}

// ask asks the process for an action of a service.
func (m *machine) ask(ctx context.Context, target, action, body string) heard {
	m.mu.Lock()
	s, life, client := m.server, m.ended, m.client
	m.mu.Unlock()
	if s == nil {
		return heard{}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errHangs)
	defer cancel()
	defer context.AfterFunc(life, cancel)()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL(), strings.NewReader(body))
	if err != nil {
		m.t.Error(err)
		return heard{}
	}
	r.Header.Set("X-Amz-Target", target+"."+action)
	w, err := client.Do(r)
	if err != nil {
		if context.Cause(ctx) == errHangs {
			m.t.Errorf("%s was not answered in %s", action, patience)
		}
		return heard{}
	}
	defer w.Body.Close()
	b, err := io.ReadAll(w.Body)
	if err != nil {
		return heard{}
	}
	a := heard{status: w.StatusCode, body: b}
	if !a.ok() {
		var refusal struct {
			Type string `json:"__type"`
		}
		if json.Unmarshal(b, &refusal) == nil {
			a.fault = refusal.Type[strings.LastIndexByte(refusal.Type, '#')+1:]
		}
		if a.fault == "ThrottlingException" && life.Err() != nil {
			return heard{} // a life that ends waits for no rest of a request, and asks for another try
		}
	}
	return a
}

// check opens the disk of a machine that is shut down and checks the store.
func (m *machine) check() error {
	s, err := pebblestore.Open(pebblestore.Options{Dir: storeFolder, ReadOnly: true, Files: m.disk, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	found, err := func() (*runlog.Findings, error) {
		opened, err := sealing.Unseal(context.Background(), s, m.data, &sealing.RootKeys{}, slog.New(slog.DiscardHandler))
		if err != nil {
			return nil, err
		}
		return inspectStore(context.Background(), opened, s.Shards())
	}()
	err = errors.Join(err, s.Close())
	if err == nil && len(found.Wrong) > 0 {
		err = &wrongStore{found.Wrong}
	}
	return err
}

// wrongStore is a store in which the check found something.
type wrongStore struct{ wrong []string }

func (e *wrongStore) Error() string { return fmt.Sprintf("the check found %q", e.wrong) }

var errFull = fmt.Errorf("injected: %w", syscall.ENOSPC)
