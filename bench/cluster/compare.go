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
	perSecond       float64 // workflows of an activity
	nodes, postgres float64 // processor time a workflow in ms: of all nodes, of PostgreSQL
	writes, commits float64 // a workflow: write calls of all nodes, transactions
}

// all is processor time a workflow.
func (r reading) all() float64 { return r.nodes + r.postgres }

// compare measures one node and several on the cores of one, of one build or several, in turns, each on a database of
// its own, and prints the medians. What else the machine does falls on all. By processor time, what several nodes reach of one
// is what one needs for a workflow, of what they need.
func compare(turns, clients, nodes int, each time.Duration, binaries string, stay bool) error {
	dir, err := os.MkdirTemp("", "heddle-cluster-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if binaries == "" {
		if binaries, err = process.Build(context.Background(), dir); err != nil {
			return err
		}
	}
	type kind struct {
		binary string
		nodes  int
	}
	all := map[kind][]reading{}
	builds := strings.Split(binaries, ",")
	for turn := range turns {
		for _, n := range []int{1, nodes} {
			for i, binary := range builds {
				r, err := turnOf(filepath.Join(dir, fmt.Sprintf("%d-of-%d-%d", turn, n, i)), n, clients, each, binary, stay)
				if err != nil {
					return fmt.Errorf("%d nodes: %w", n, err)
				}
				fmt.Printf("turn %d, %s, %d nodes: %6.0f workflows/s, ms of processors a workflow: nodes %5.2f, PostgreSQL %5.2f; write calls %5.1f, transactions %4.1f\n",
					turn+1, filepath.Base(binary), n, r.perSecond, r.nodes, r.postgres, r.writes, r.commits)
				k := kind{binary, n}
				all[k] = append(all[k], r)
			}
		}
	}
	for _, binary := range builds {
		var byTime, byRate, costs []float64
		for i, one := range all[kind{binary, 1}] {
			several := all[kind{binary, nodes}][i]
			byTime = append(byTime, one.all()/several.all())
			byRate = append(byRate, several.perSecond/one.perSecond)
			costs = append(costs, several.nodes-one.nodes)
		}
		fmt.Printf("%s: %d nodes to one: %.2f of its workflows by processor time, %.2f of its workflows/s, %+.2f ms of processors of nodes a workflow, medians of %d turns\n",
			filepath.Base(binary), nodes, median(byTime), median(byRate), median(costs), turns)
	}
	return nil
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

func turnOf(dir string, nodes, clients int, each time.Duration, binary string, stay bool) (r reading, err error) {
	if err := os.Mkdir(dir, 0o711); err != nil {
		return r, err
	}
	database, err := pgtest.Start(pgtest.Options{Folder: dir})
	if err != nil {
		return r, err
	}
	defer database.Remove()
	c := &cluster{dir: dir, binary: binary, database: database, key: filepath.Join(dir, "root.key"), clients: clients, waits: newWaits(), runs: map[string]string{}, started: map[string]int{}, completed: map[string]bool{}, compares: true, stay: stay}
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
	look := func() (r reading, err error) { // sums until now; perSecond is how many
		for _, n := range c.nodes {
			u, err := n.server.Usage()
			if err != nil {
				return r, err
			}
			r.nodes += u.CPU.Seconds() * 1000
			r.writes += float64(u.WriteCalls)
		}
		u, err := process.UsageOf(postmaster)
		if err != nil {
			return r, err
		}
		r.postgres = u.CPU.Seconds() * 1000
		text, err := database.SQL("select sum(xact_commit) from pg_stat_database")
		if err != nil {
			return r, err
		}
		r.commits, err = strconv.ParseFloat(strings.TrimSpace(text), 64)
		c.mu.Lock()
		defer c.mu.Unlock()
		r.perSecond = float64(len(c.completed))
		return r, err
	}
	var work sync.WaitGroup
	c.starting.Store(true)
	c.work(&work)
	time.Sleep(each / 4)
	before, err := look()
	if err != nil {
		return r, err
	}
	began := time.Now()
	time.Sleep(each)
	took := time.Since(began)
	after, err := look()
	if err != nil {
		return r, err
	}
	n := after.perSecond - before.perSecond
	r = reading{
		n / took.Seconds(), (after.nodes - before.nodes) / n, (after.postgres - before.postgres) / n,
		(after.writes - before.writes) / n, (after.commits - before.commits) / n,
	}
	c.starting.Store(false)
	c.ending.Store(true)
	work.Wait()
	return r, nil
}
