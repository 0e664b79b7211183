package crash

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"heddle/bench/process"
	awscredentials "heddle/internal/aws/credentials"
	"heddle/internal/sealing"
	heddle "heddle/internal/server"
	"heddle/internal/store/pgstore/pgtest"
)

// victim is the server that is killed and started again on the same folder and
// address.
type victim struct {
	binary, data, addr string
	rootKey            string         // file of it
	events             string         // file of whom it tells of events; empty: nobody
	postgres           *pgtest.Server // has the store; nil: the folder has it
	log                *os.File
	acknowledged       atomic.Int64 // answers to steps; the kills are timed by it
	lives              atomic.Int64
	step               chan struct{}

	mu      sync.Mutex
	server  *process.Server
	up      chan struct{} // closed while the server is up
	expects bool          // an exit
}

func newVictim(t *testing.T, binary, events, store string, fail func(error)) *victim {
	data := t.TempDir()
	v := &victim{
		binary: binary, data: data, events: events, addr: "127.0.0.1:0", rootKey: sealing.RootKeyFile(data),
		up: make(chan struct{}), step: make(chan struct{}, 1),
	}
	if store == heddle.StorePostgres {
		v.postgres = pgtest.New(t)
	}
	var err error
	if v.log, err = os.Create(filepath.Join(t.TempDir(), "log")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		v.mu.Lock()
		v.expects = true
		v.mu.Unlock()
		if v.server != nil {
			v.server.Kill()
		}
		if t.Failed() {
			v.showLog(t)
		}
		v.log.Close()
	})
	if err := os.Chmod(v.data, 0o700); err != nil {
		t.Fatal(err)
	}
	root := awscredentials.KeyPair{KeyID: credentials.AccessKey, Secret: awscredentials.Secret(credentials.SecretKey)}
	if err := awscredentials.WriteFile(heddle.CredentialsFile(v.data), root); err != nil {
		t.Fatal(err)
	}
	if err := v.start(fail); err != nil {
		t.Fatal(err)
	}
	return v
}

func (v *victim) showLog(t *testing.T) {
	const most = 4 << 10
	log, err := os.ReadFile(v.log.Name())
	if err != nil {
		t.Error(err)
	}
	t.Logf("the server's log:\n%s", log[max(0, len(log)-most):])
}

// serve are the arguments of the server. All else is as it is by default:
// signatures, sealing, the audit trail.
func (v *victim) serve() []string {
	args := []string{"serve", "--data", v.data, "--listen", v.addr, "--root-key-file", v.rootKey}
	if v.postgres != nil {
		args = append(args, "--store", heddle.StorePostgres, "--postgres", v.postgres.DSN())
	}
	if v.events != "" {
		args = append(args, "--events-config", v.events)
	}
	return args
}

// start starts the server and watches that it exits only when it is killed.
func (v *victim) start(fail func(error)) error {
	server, err := process.Start(v.log, v.binary, v.serve()...)
	if err != nil {
		return err
	}
	v.lives.Add(1)
	v.mu.Lock()
	v.server, v.addr, v.expects = server, server.Addr, false
	close(v.up)
	v.mu.Unlock()
	go func() {
		<-server.Exited()
		v.mu.Lock()
		defer v.mu.Unlock()
		if !v.expects {
			fail(fmt.Errorf("the server exited by itself"))
		}
	}()
	return nil
}

// wait returns when the server is up.
func (v *victim) wait(ctx context.Context) error {
	v.mu.Lock()
	up := v.up
	v.mu.Unlock()
	select {
	case <-up:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// down says that the server is about to be gone.
func (v *victim) down() *process.Server {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.up, v.expects = make(chan struct{}), true
	return v.server
}

// acknowledge counts the answer to a step.
func (v *victim) acknowledge() {
	v.acknowledged.Add(1)
	select {
	case v.step <- struct{}{}:
	default:
	}
}

// watch cancels when nothing happens for too long. What it returns stops that,
// and tells whether it has.
func (v *victim) watch(ctx context.Context, cancel func()) (stalled func() bool) {
	ctx, stop := context.WithCancel(ctx)
	found := make(chan bool, 1)
	go func() {
		look := time.NewTicker(time.Second)
		defer look.Stop()
		var before int64
		since := time.Now()
		for {
			select {
			case <-ctx.Done():
				found <- false
				return
			case now := <-look.C:
				if happened := v.acknowledged.Load() + v.lives.Load(); happened != before {
					before, since = happened, now
				}
				if now.Sub(since) > patience {
					found <- true
					cancel()
					return
				}
			}
		}
	}()
	return sync.OnceValue(func() bool {
		stop()
		return <-found
	})
}

// stop has the server drain and exit.
func (v *victim) stop() error { return v.down().Stop() }

// check runs the check of the stopped store, which changes nothing in it.
func (v *victim) check(rootKey string) error {
	args := []string{"check", "--data", v.data, "--root-key-file", rootKey}
	if v.postgres != nil {
		args = append(args, "--postgres", v.postgres.DSN())
	}
	out, err := exec.Command(v.binary, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("check of the store: %w\n%s", err, out)
	}
	return nil
}
