package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// writeTable prints, for each workload, the medians of each server over all
// repeats, and how its rate compares to the first server's.
func (b *bench) writeTable(out io.Writer) error {
	fmt.Fprintf(out, "%s, %d cores, %s, commit %s, auth %s, fsync of 4 KiB %.2f ms\n",
		b.machine.CPU, b.machine.Cores, b.machine.Go, b.machine.Commit, b.machine.Auth, b.machine.FsyncMS)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "workload\tserver\tstore\tper s\tratio\tspread\tp50 ms\tp99 ms\tserver CPU ms\tPostgreSQL CPU ms\tclient CPU ms\treceived B\tdisk B\twritten B\tRSS MiB\t")
	var first float64
	for i, r := range b.rates {
		same := func(other rate) bool { return other.Workload == r.Workload && other.Server == r.Server }
		if slices.IndexFunc(b.rates, same) < i {
			continue // printed with the first repeat
		}
		var all []rate
		for _, other := range b.rates {
			if same(other) {
				all = append(all, other)
			}
		}
		median := func(of func(rate) float64) float64 {
			values := make([]float64, len(all))
			for i := range all {
				values[i] = of(all[i])
			}
			slices.Sort(values)
			return (values[len(values)/2] + values[(len(values)-1)/2]) / 2
		}
		perSecond := func(r rate) float64 { return r.PerSecond }
		if i == 0 || b.rates[i-1].Workload != r.Workload {
			first = median(perSecond)
		}
		lowest := slices.MinFunc(all, func(a, b rate) int { return int(a.PerSecond - b.PerSecond) })
		highest := slices.MaxFunc(all, func(a, b rate) int { return int(a.PerSecond - b.PerSecond) })
		fmt.Fprintf(table, "%s\t%s\t%s\t%.1f\t%.2f\t%.0f-%.0f\t%.2f\t%.2f\t%.3f\t%.3f\t%.3f\t%.0f\t%.0f\t%.0f\t%.0f\t\n", r.Workload, r.Server, r.Store,
			median(perSecond), median(perSecond)/first, lowest.PerSecond, highest.PerSecond,
			median(func(r rate) float64 { return r.P50 }), median(func(r rate) float64 { return r.P99 }),
			median(func(r rate) float64 { return r.ServerCPU }), median(func(r rate) float64 { return r.DatabaseCPU }), median(func(r rate) float64 { return r.ClientCPU }),
			median(func(r rate) float64 { return float64(r.Received) }), median(func(r rate) float64 { return float64(r.DiskBytes) }), median(func(r rate) float64 { return float64(r.Written) }),
			median(func(r rate) float64 { return float64(r.RSSBytes) / (1 << 20) }))
	}
	return table.Flush()
}
