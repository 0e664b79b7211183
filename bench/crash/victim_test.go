package crash

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"heddle/bench/process"
	awscredentials "heddle/internal/aws/credentials"
	heddle "heddle/internal/server"
)

// victim is the server that is killed and started again on the same folder and
// address.
type victim struct {
	binary, data, addr string
	log                *os.File
	acknowledged       atomic.Int64 // answers to steps; the kills are timed by it
	step               chan struct{}

	mu      sync.Mutex
	server  *process.Server
	up      chan struct{} // closed while the server is up
	expects bool          // an exit
	kills   int
}

func newVictim(t *testing.T, binary string, fail func(error)) *victim {
	v := &victim{binary: binary, data: t.TempDir(), addr: "127.0.0.1:0", up: make(chan struct{}), step: make(chan struct{}, 1)}
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

// start starts the server and watches that it exits only when it is killed.
func (v *victim) start(fail func(error)) error {
	server, err := process.Start(v.log, v.binary, "serve", "--data", v.data, "--listen", v.addr)
	if err != nil {
		return err
	}
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

// killRandomly kills the server at random numbers of acknowledged steps below
// steps, and sometimes again while it starts. It returns after the last kill.
func (v *victim) killRandomly(ctx context.Context, random *rand.Rand, kills int, steps int64, fail func(error)) {
	for v.kills < kills && ctx.Err() == nil {
		at := steps * int64(v.kills) / int64(kills)
		at += random.Int64N(steps/int64(kills) + 1)
		for v.acknowledged.Load() < at {
			select {
			case <-v.step:
			case <-ctx.Done():
				return
			}
		}
		if err := v.down().Kill(); err != nil {
			fail(err)
			return
		}
		v.kills++
		for v.kills < kills && random.IntN(4) == 0 {
			if err := v.killStarting(ctx, time.Duration(random.IntN(60))*time.Millisecond); err != nil {
				fail(err)
				return
			}
			v.kills++
		}
		if err := v.start(fail); err != nil {
			fail(err)
			return
		}
	}
}

// killStarting starts the server and kills it before it is likely to listen.
func (v *victim) killStarting(ctx context.Context, after time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, after)
	defer cancel()
	cmd := exec.CommandContext(ctx, v.binary, "serve", "--data", v.data, "--listen", v.addr)
	if err := cmd.Run(); ctx.Err() == nil {
		return fmt.Errorf("the server exited while it started: %w", err)
	}
	return nil
}

// check stops the server and runs the check of its store.
func (v *victim) check(t *testing.T) {
	if err := v.down().Stop(); err != nil {
		t.Error(err)
	}
	var said bytes.Buffer
	cmd := exec.Command(v.binary, "check", "--data", v.data)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		t.Errorf("check of the store: %v\n%s", err, &said)
	}
}
