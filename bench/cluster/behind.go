package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"heddle/bench/client"
	"heddle/bench/process"
	"heddle/internal/cluster/link/linktest"
	"heddle/internal/store/pgstore/pgtest"
)

// lag is how far the standby of the event behind is behind.
const lag = time.Second

// followSlowly starts a standby for which no commit waits, and which hears of each a while later.
func (c *cluster) followSlowly() (err error) {
	if c.slow, err = linktest.NewWay(fmt.Sprint("127.0.0.1:", c.database.Port())); err != nil {
		return err
	}
	port := 0
	if _, err := fmt.Sscanf(c.slow.Addr(), "127.0.0.1:%d", &port); err != nil {
		return err
	}
	if c.standby, err = c.database.Standby(pgtest.Options{Folder: c.dir}, "behind", port); err != nil {
		return err
	}
	c.slow.Set(false, false, lag)
	return nil
}

// behind promotes the standby that is behind. From then on nobody may be answered from the past: whatever
// was acknowledged is answered as it was, or not at all. When the loss was accepted all goes on,
// and what begins then completes. It is the last event: the ledger of before counts no longer.
func (c *cluster) behind(each time.Duration) error {
	if c.slow == nil {
		return errors.New("the standby was promoted before")
	}
	c.mu.Lock()
	runs, completed := maps.Clone(c.runs), maps.Clone(c.completed)
	c.mu.Unlock()
	c.slow.Close()
	if err := errors.Join(c.database.Crash(), c.standby.Promote()); err != nil {
		return err
	}
	c.slow = nil
	c.watch(fmt.Sprintf("standby %v behind promoted", lag), each)
	if err := c.askAll(runs, completed); err != nil {
		return err
	}

	n := c.nodes[0]
	accept := func(args ...string) error {
		cmd := exec.Command(c.binary, append([]string{"accept-loss", "--data", n.data, "--endpoint", "http://" + n.server.Addr}, args...)...)
		cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=any", "AWS_SECRET_ACCESS_KEY=any")
		out, err := cmd.CombinedOutput()
		fmt.Print("heddle accept-loss: ", string(out))
		return err
	}
	// What is lost outlives those who found it.
	var stopped []*process.Server
	for _, n := range c.nodes {
		stopped = append(stopped, n.take())
	}
	for _, s := range stopped {
		if err := s.Kill(); err != nil {
			return err
		}
	}
	started := make(chan error)
	for _, n := range c.nodes {
		go func() { started <- c.start(n) }()
	}
	for range c.nodes {
		if err := <-started; err != nil {
			return err
		}
	}
	if err := c.askAll(runs, completed); err != nil {
		return fmt.Errorf("after a restart: %w", err)
	}
	if err := errors.Join(accept(), accept("--all")); err != nil {
		return err
	}
	c.watch("accepted", each/2)
	c.mu.Lock()
	c.started, c.completed = map[string]int{}, map[string]bool{}
	c.mu.Unlock()
	c.watch("what begins now", each/2)
	c.starting.Store(false)
	for end := time.Now().Add(completeWithin); ; time.Sleep(100 * time.Millisecond) {
		c.mu.Lock()
		left := len(c.started)
		for id := range c.started {
			if c.completed[id] {
				left--
			}
		}
		all := len(c.started)
		c.mu.Unlock()
		if left == 0 && all > 0 {
			fmt.Printf("%d workflows have begun since, and completed\n", all)
			c.judged = true
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("of %d workflows that began when the loss was accepted %d are open after %v", all, left, completeWithin)
		}
	}
}

// asksMost is how many runs are asked for, and asksAtOnce how many at a time: one that is shut takes five seconds to be refused.
const (
	asksMost   = 60
	asksAtOnce = 20
)

// askAll asks for acknowledged runs at some node, and wants each as it was acknowledged, or no answer.
func (c *cluster) askAll(runs map[string]string, completed map[string]bool) error {
	var answered, shut, past atomic.Int64
	var all sync.WaitGroup
	ids := make(chan string)
	for range asksAtOnce {
		all.Go(func() {
			for id := range ids {
				addr := c.nodes[rand.IntN(len(c.nodes))].server.Addr
				conn := client.New(addr, client.Credentials{AccessKey: "any", SecretKey: "any", Region: "us-east-1"})
				answer, err := conn.Call("DescribeWorkflowExecution", []byte(`{`+domain+`,"execution":{"workflowId":"`+id+`","runId":"`+runs[id]+`"}}`))
				conn.HangUp()
				switch fault, isFault := errors.AsType[*client.Fault](err); {
				case err == nil && completed[id] && bytes.Contains(answer, []byte(`"OPEN"`)):
					fmt.Println("answered from the past:", id, string(answer))
					past.Add(1)
				case err == nil:
					answered.Add(1)
				case isFault && fault.Status < 500:
					fmt.Println("answered from the past:", id, err)
					past.Add(1)
				default:
					shut.Add(1)
				}
			}
		})
	}
	names := slices.Collect(maps.Keys(runs))
	rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for _, id := range names[:min(len(names), asksMost)] {
		ids <- id
	}
	close(ids)
	all.Wait()
	fmt.Printf("of %d acknowledged runs %d are answered as they were, %d are shut, %d are answered from the past\n", min(len(names), asksMost), answered.Load(), shut.Load(), past.Load())
	if past.Load() > 0 {
		return errors.New("somebody was answered from the past")
	}
	if shut.Load() == 0 {
		return errors.New("nothing was lost: there is nothing to see")
	}
	return nil
}
