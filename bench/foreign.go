package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
)

// foreignRate is what the client of another server says at its end.
type foreignRate struct {
	Workflows           int64
	P50, P95, P99, P999 float64 // ms
}

// measureForeign measures a server by its own client, which is the same program
// with another first argument. It writes a line when the measured time begins,
// one when that ends, and then its result.
func (b *bench) measureForeign(ctx context.Context, m *measured, w *workload, repeat int) error {
	data, err := b.newFolder(w.name)
	if err != nil {
		return err
	}
	defer os.RemoveAll(data)
	end, err := b.openDatabase(m)
	if err != nil {
		return err
	}
	defer end()
	server, err := b.openServer(m, data)
	if err != nil {
		return err
	}
	defer server.Kill()
	inFlight := b.inFlight
	if w.inFlight > 0 {
		inFlight = w.inFlight
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	load := exec.CommandContext(ctx, b.binaries[m.pkg], "load", "-addr", server.Addr, "-activities", strconv.Itoa(w.activities),
		"-inflight", strconv.Itoa(inFlight), "-warmup", b.warmUp.String(), "-duration", b.duration.String())
	load.Stderr = os.Stderr
	out, err := load.StdoutPipe()
	if err != nil {
		return err
	}
	if err := load.Start(); err != nil {
		return err
	}
	defer load.Wait() // a second time does no harm
	defer cancel()
	lines := bufio.NewScanner(out)
	var readings [2]reading
	for i := range readings {
		if !lines.Scan() {
			return fmt.Errorf("the client of %s ended early", m.name)
		}
		if readings[i], err = b.read(m, server, data, load.Process.Pid); err != nil {
			return err
		}
	}
	if !lines.Scan() {
		return fmt.Errorf("the client of %s gave no result", m.name)
	}
	var said foreignRate
	if err := json.Unmarshal(lines.Bytes(), &said); err != nil {
		return fmt.Errorf("result of the client of %s: %w", m.name, err)
	}
	if err := load.Wait(); err != nil {
		return fmt.Errorf("the client of %s: %w", m.name, err)
	}
	result := perWorkflow(said.Workflows, w, readings[0], readings[1])
	result.Server, result.Workload, result.Repeat, result.InFlight, result.machine = m.name, w.name, repeat, inFlight, b.describe(m)
	result.P50, result.P95, result.P99, result.P999 = said.P50, said.P95, said.P99, said.P999
	if err := b.report(result); err != nil {
		return err
	}
	return server.Stop()
}
