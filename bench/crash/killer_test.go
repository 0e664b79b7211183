package crash

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"time"
)

// killer kills a victim at moments that a seed decides: at a number of
// acknowledged steps, in the midst of a start, in the midst of a rekeying.
type killer struct {
	*victim
	random     *rand.Rand
	checkEvery int // kills; the store is checked before the next start

	kills, starting, rekeying int // all, and those of a start and of a rekeying
	ofPostgres                int // and those of PostgreSQL
	opens, rekeys             time.Duration
	checks                    int
	checked                   time.Duration // what they took
}

// Of so many kills, one is followed by another one while the server starts again,
// and one by a rekeying that is killed.
const (
	startsKilled = 4
	rekeysKilled = 10
)

// kill kills the server so often while steps are acknowledged, and starts it
// again each time.
func (k *killer) kill(ctx context.Context, kills int, steps int64, fail func(error)) {
	for k.kills < kills && ctx.Err() == nil {
		at := steps * int64(k.kills) / int64(kills)
		at += k.random.Int64N(steps/int64(kills) + 1)
		for k.acknowledged.Load() < at {
			select {
			case <-k.step:
			case <-ctx.Done():
				return
			}
		}
		if err := k.killOnce(kills, fail); err != nil {
			fail(fmt.Errorf("after %d kills: %w", k.kills, err))
			return
		}
	}
}

func (k *killer) killOnce(kills int, fail func(error)) error {
	if k.postgres != nil && k.kills%2 == 1 {
		return k.killPostgres()
	}
	if err := k.down().Kill(); err != nil {
		return err
	}
	err := k.killed(k.rootKey)
	for err == nil && k.kills < kills && k.random.IntN(startsKilled) == 0 {
		err = k.killStarting()
	}
	if err == nil && k.kills < kills && k.postgres == nil && k.random.IntN(rekeysKilled) == 0 {
		err = k.killRekeying()
	}
	if err != nil {
		return err
	}
	if err := k.start(fail); err != nil {
		return err
	}
	k.opens = k.server.Opened
	return nil
}

// killPostgres ends PostgreSQL at once and starts it again, under the server, which goes
// on.
func (k *killer) killPostgres() error {
	if err := errors.Join(k.postgres.Crash(), k.postgres.Start()); err != nil {
		return err
	}
	k.ofPostgres++
	return k.killed(k.rootKey)
}

// killed counts a kill and checks the store that it left, which one of the root
// keys must open.
func (k *killer) killed(rootKeys ...string) (err error) {
	k.kills++
	if len(rootKeys) == 1 && k.kills%k.checkEvery != 0 {
		return nil
	}
	began := time.Now()
	defer func() { k.checked += time.Since(began) }()
	k.checks++
	var wrong []error
	for _, rootKey := range rootKeys {
		err := k.check(rootKey)
		if err == nil {
			k.rootKey = rootKey
			return nil
		}
		wrong = append(wrong, err)
	}
	return errors.Join(wrong...)
}

// killStarting starts the server and kills it before it is likely to listen, so
// in the midst of its recovery.
func (k *killer) killStarting() error {
	ended, err := k.runUntil(k.moment(max(k.opens, 20*time.Millisecond)), k.serve())
	if ended {
		return fmt.Errorf("the server exited while it started: %w", err)
	}
	if err != nil {
		return err
	}
	k.starting++
	return k.killed(k.rootKey)
}

// killRekeying has the store sealed anew under another root key, and kills that.
// Either key must open what is left. The first rekeying may finish, to learn how
// long it takes.
func (k *killer) killRekeying() error {
	next := filepath.Join(k.data, fmt.Sprintf("root-%d.key", k.kills))
	rekey := []string{"rekey", "--data", k.data, "--root-key-file", next, "--old-root-key-file", k.rootKey}
	after := time.Hour
	if k.rekeys > 0 {
		after = k.moment(k.rekeys)
		if k.random.IntN(2) == 0 { // rather in its end, where it puts the new store in place
			after = k.rekeys - k.moment(k.rekeys/5+1)
		}
	}
	began := time.Now()
	ended, err := k.runUntil(after, rekey)
	if err != nil {
		return fmt.Errorf("rekey: %w", err)
	}
	if ended {
		k.rekeys, k.rootKey = time.Since(began), next
		return k.check(next)
	}
	k.rekeying++
	return k.killed(k.rootKey, next)
}

// moment is when to kill what takes so long.
func (k *killer) moment(takes time.Duration) time.Duration {
	return time.Duration(k.random.Int64N(int64(takes)))
}

// runUntil runs the binary, and kills it after a time unless it has ended.
func (k *killer) runUntil(after time.Duration, args []string) (ended bool, err error) {
	cmd := exec.Command(k.binary, args...)
	cmd.Stderr = k.log
	if err := cmd.Start(); err != nil {
		return false, err
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	timer := time.NewTimer(after)
	defer timer.Stop()
	select {
	case err := <-exited:
		return true, err
	case <-timer.C:
	}
	if err := cmd.Process.Kill(); err != nil {
		return true, <-exited // it was as quick
	}
	<-exited
	return false, nil
}

// String tells what it has done.
func (k *killer) String() string {
	text := fmt.Sprintf("%d kills (%d in a start, %d in a rekeying), %d checks", k.kills, k.starting, k.rekeying, k.checks)
	if k.ofPostgres > 0 {
		text += fmt.Sprintf(", %d of the kills PostgreSQL's", k.ofPostgres)
	}
	if k.checks > 0 {
		text += fmt.Sprintf(" of %s each", (k.checked / time.Duration(k.checks)).Round(time.Millisecond))
	}
	return text
}
