package pgstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// silent listens as a paused server does: it accepts, and says nothing.
func silent(t *testing.T) (port int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().(*net.TCPAddr).Port
}

// TestHostsAreTriedSideBySide: while one host accepts and says nothing, however long an attempt may take, another one is
// connected to; from then on that one comes first, and alone.
func TestHostsAreTriedSideBySide(t *testing.T) {
	server := shared(t)
	o := options(t, server)
	o.DSN = fmt.Sprintf("postgres://heddle@127.0.0.1:%d,127.0.0.1:%d/heddle?sslmode=disable&connect_timeout=3600", silent(t), server.Port())
	var starts atomic.Int64
	o.Within = func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
		if d == headStart {
			if starts.Add(1) == 1 {
				return context.WithTimeout(ctx, 0)
			}
			return context.WithCancel(ctx)
		}
		return context.WithCancel(ctx)
	}
	d, err := newDialer(&o)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time nobody but who was good is asked: the head start does not end
		done := make(chan error, 1)
		go func() {
			c, err := d.connect(t.Context(), false) // its tables are not there
			if err == nil {
				closeConn(d, c)
			}
			done <- err
		}()
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(time.Minute):
			t.Fatal("it waits for the host that says nothing")
		}
		if at := fmt.Sprint("127.0.0.1:", server.Port()); !strings.Contains(d.where(), at) {
			t.Errorf("it is at %s, and says %q", at, d.where())
		}
	}
}

// TestHostsThatFail: all are tried, and what each said is told; the next attempts get more time if time was too short.
func TestHostsThatFail(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	refuses := l.Addr().(*net.TCPAddr).Port
	var given []time.Duration
	o := Options{
		DSN: fmt.Sprintf("postgres://heddle@127.0.0.1:%d,127.0.0.1:%d/heddle?sslmode=disable", refuses, silent(t)),
		Within: func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
			return context.WithCancel(ctx)
		},
	}
	d, err := newDialer(&o)
	if err != nil {
		t.Fatal(err)
	}
	for range 4 {
		_, within := d.attempt()
		given = append(given, within)
		if _, err := d.connectTo(t.Context(), d.hosts[1], time.Millisecond, false); err == nil {
			t.Fatal("connected to who says nothing")
		} else {
			d.ended(0, errors.Join(errors.New("refused"), err))
		}
	}
	if want := []time.Duration{connectWithin, 2 * connectWithin, 4 * connectWithin, 4 * connectWithin}; !slices.Equal(given, want) {
		t.Errorf("attempts are given %v, want %v", given, want)
	}
	d.ended(0, nil)
	if _, within := d.attempt(); within != 2*connectWithin {
		t.Errorf("after one that succeeded %v is given", within)
	}
	d.within = time.Millisecond // as the DSN may say
	if _, err := d.connect(t.Context(), false); err == nil || !strings.Contains(err.Error(), fmt.Sprint(refuses)) || !strings.Contains(err.Error(), "refused") || !Unreachable(err) {
		t.Errorf("%v; want what each host said", err)
	}
}

// TestConnectionOutlivesWhoWantedIt: one that takes longer to be made than its caller has patience is for the next one, as
// if it had been given back; so a machine on which each takes longer has one all the same.
func TestConnectionOutlivesWhoWantedIt(t *testing.T) {
	server := shared(t)
	o := options(t, server)
	s := mustOpen(t, o)
	d, err := newDialer(&o)
	if err != nil {
		t.Fatal(err)
	}
	d.statements = s.dial.statements
	goes, begins, made := make(chan bool), make(chan bool, 2), 0
	d.first = func(context.Context, *conn) error {
		made++
		begins <- true
		<-goes
		return nil
	}
	p := newPool(d, 1)
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := p.get(ctx, false)
		failed <- err
	}()
	<-begins
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) || !Unreachable(err) {
		t.Errorf("who has no patience hears %v", err)
	}
	got := make(chan error, 1)
	go func() {
		c, err := p.get(t.Context(), false)
		if err == nil {
			p.put(c)
		}
		got <- err
	}()
	p.renew() // as after a renewal that failed: this one leads somewhere
	close(goes)
	if err := <-got; err != nil || made != 1 {
		t.Errorf("the next one: %v, by %d connections", err, made)
	}

	// One that is made when all is over is closed.
	goes = make(chan bool)
	ctx, cancel = context.WithCancel(t.Context())
	go func() {
		_, err := p.get(ctx, true)
		failed <- err
	}()
	<-begins
	cancel()
	<-failed
	p.close()
	close(goes)
	p.places <- struct{}{}
	if len(p.resting) != 0 {
		t.Error("a connection rests in a pool that is closed")
	}
}
