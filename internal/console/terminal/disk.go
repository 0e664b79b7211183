package terminal

import (
	"fmt"
	"io"

	"heddle/internal/diagnose"
	"heddle/internal/engine"
	"heddle/internal/operator/wire"
)

// DiskUsage writes what is on a disk, and how the archive is that keeps retention waiting.
func DiskUsage(w io.Writer, used *wire.GetDiskUsageOutput, now engine.Time, style Style) error {
	if err := onDisk(w, used, style); err != nil || used.Archive == nil {
		return err
	}
	a := used.Archive
	tried := "not tried yet"
	if a.TriedTimestamp != nil {
		tried = "last tried " + diagnose.Span(now-engine.Time(*a.TriedTimestamp)) + " ago"
	}
	if _, err := fmt.Fprintf(w, "\narchive %s: %d executions, %s since the start; %s\n", a.Location, a.Executions, size(a.Bytes), tried); err != nil || a.Error == nil || a.FailingSinceTimestamp == nil {
		return err
	}
	waits := "nothing waits for it yet"
	if a.OldestTimestamp != nil {
		waits = "closed executions wait for it for " + diagnose.Span(now-engine.Time(*a.OldestTimestamp)) + ", and the store grows"
	}
	_, err := fmt.Fprintln(w, style.paint(bad, "! it can't be written for "+diagnose.Span(now-engine.Time(*a.FailingSinceTimestamp))+"; "+waits+": "+cut(*a.Error, 400)))
	return err
}

func onDisk(w io.Writer, used *wire.GetDiskUsageOutput, style Style) error {
	if len(used.Uses) == 0 {
		_, err := fmt.Fprintln(w, "the store is in memory: nothing is on a disk")
		return err
	}
	rows := [][]string{{"on the disk", "size", "files", ""}}
	var bytes, files int64
	for _, u := range used.Uses {
		bytes, files = bytes+u.Bytes, files+u.Files
		if u.Files > 0 {
			rows = append(rows, []string{u.Name, size(u.Bytes), fmt.Sprint(u.Files), cut(u.Explanation, max(40, style.Width-40))})
		}
	}
	rows = append(rows, []string{"all", size(bytes), fmt.Sprint(files), ""})
	if used.FreeBytes != nil && used.TotalBytes != nil {
		rows = append(rows, []string{"free on the disk", size(*used.FreeBytes), "", "of " + size(*used.TotalBytes)})
	}
	return table(w, "lrrl", rows)
}
