package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"heddle/bench/process"
	"heddle/internal/store/pgstore/pgtest"
)

// reading is what one turn has measured.
type reading struct {
	perSecond       float64 // workflows with a child and an activity
	nodes, postgres float64 // processor time a workflow in ms: of all nodes, of PostgreSQL
}

// compare measures one node and several on the cores of one, in turns, each on a database of its own,
// and prints the medians. What else the machine does falls on both.
func compare(turns, clients, nodes int, each time.Duration, binary string) error {
	dir, err := os.MkdirTemp("", "heddle-cluster-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if binary == "" {
		if binary, err = process.Build(context.Background(), dir); err != nil {
			return err
		}
	}
	all := map[int][]reading{}
	for turn := range turns {
		for _, n := range []int{1, nodes} {
			r, err := turnOf(filepath.Join(dir, fmt.Sprintf("%d-of-%d", turn, n)), n, clients, each, binary)
			if err != nil {
				return fmt.Errorf("%d nodes: %w", n, err)
			}
			fmt.Printf("turn %d, %d nodes: %6.0f workflows/s, ms of processors a workflow: nodes %5.2f, PostgreSQL %5.2f\n", turn+1, n, r.perSecond, r.nodes, r.postgres)
			all[n] = append(all[n], r)
		}
	}
	var ratios, costs []float64
	for i, one := range all[1] {
		ratios = append(ratios, all[nodes][i].perSecond/one.perSecond)
		costs = append(costs, all[nodes][i].nodes-one.nodes)
	}
	fmt.Printf("%d nodes to one: %.2f of its workflows/s, %+.2f ms of processors of nodes a workflow, medians of %d turns\n", nodes, median(ratios), median(costs), turns)
	return nil
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

func turnOf(dir string, nodes, clients int, each time.Duration, binary string) (r reading, err error) {
	if err := os.Mkdir(dir, 0o711); err != nil {
		return r, err
	}
	database, err := pgtest.Start(pgtest.Options{Folder: dir})
	if err != nil {
		return r, err
	}
	defer database.Remove()
	c := &cluster{dir: dir, binary: binary, database: database, key: filepath.Join(dir, "root.key"), clients: clients, waits: newWaits(), started: map[string]bool{}, completed: map[string]bool{}}
	defer c.killAll()
	for i := range nodes {
		if err := c.add(string(rune('a' + i))); err != nil {
			return r, err
		}
	}
	if err := c.register(); err != nil {
		return r, err
	}
	text, err := database.SQL("select setting from pg_settings where name = 'data_directory'")
	if err != nil {
		return r, err
	}
	lines, err := os.ReadFile(filepath.Join(strings.TrimSpace(text), "postmaster.pid"))
	if err != nil {
		return r, err
	}
	first, _, _ := strings.Cut(string(lines), "\n")
	postmaster, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil {
		return r, err
	}
	look := func() (done int, own, postgres time.Duration, err error) {
		for _, n := range c.nodes {
			u, err := n.server.Usage()
			if err != nil {
				return 0, 0, 0, err
			}
			own += u.CPU
		}
		u, err := process.UsageOf(postmaster)
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.completed), own, u.CPU, err
	}
	var work sync.WaitGroup
	c.starting.Store(true)
	c.work(&work)
	time.Sleep(each / 4)
	done, own, postgres, err := look()
	if err != nil {
		return r, err
	}
	began := time.Now()
	time.Sleep(each)
	took := time.Since(began)
	doneThen, ownThen, postgresThen, err := look()
	if err != nil {
		return r, err
	}
	n := float64(doneThen - done)
	r.perSecond = n / took.Seconds()
	r.nodes = (ownThen - own).Seconds() * 1000 / n
	r.postgres = (postgresThen - postgres).Seconds() * 1000 / n
	c.starting.Store(false)
	err = c.finish()
	c.ending.Store(true)
	work.Wait()
	return r, err
}
