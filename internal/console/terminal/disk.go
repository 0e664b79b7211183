package terminal

import (
	"fmt"
	"io"

	"heddle/internal/operator/wire"
)

// DiskUsage writes what is on a disk.
func DiskUsage(w io.Writer, used *wire.GetDiskUsageOutput, style Style) error {
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
