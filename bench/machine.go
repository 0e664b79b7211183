package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// machine is what figures depend on beside the server.
type machine struct {
	CPU     string  `json:"cpu"`
	Cores   int     `json:"cores"`
	Go      string  `json:"go"`
	Commit  string  `json:"commit"`
	Store   string  `json:"store"`
	Auth    string  `json:"auth"`
	FsyncMS float64 `json:"fsync_ms"` // of appending 4 KiB, half of them faster
}

func describeMachine(store, auth, dir string) (machine, error) {
	m := machine{CPU: "unknown", Cores: runtime.NumCPU(), Go: runtime.Version(), Commit: commit(), Store: store, Auth: auth}
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if rest, ok := strings.CutPrefix(line, "model name"); ok {
				m.CPU = strings.Trim(rest, " \t\n:")
				break
			}
		}
	}
	fsync, err := measureFsync(dir)
	m.FsyncMS = milliseconds(fsync)
	return m, err
}

// commit names the source that is built here; a plus says that it was changed.
func commit() string {
	out, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	name := strings.TrimSpace(string(out))
	if changed, err := exec.Command("git", "status", "--porcelain").Output(); err == nil && len(changed) > 0 {
		name += "+"
	}
	return name
}

// measureFsync gives the median time that a synced append takes where the store
// will be.
func measureFsync(dir string) (time.Duration, error) {
	f, err := os.Create(filepath.Join(dir, "fsync"))
	if err != nil {
		return 0, fmt.Errorf("measure fsync: %w", err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	page := make([]byte, 4<<10)
	took := make([]time.Duration, 200)
	for i := range took {
		began := time.Now()
		if _, err := f.Write(page); err != nil {
			return 0, fmt.Errorf("measure fsync: %w", err)
		}
		if err := f.Sync(); err != nil {
			return 0, fmt.Errorf("measure fsync: %w", err)
		}
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}

// folderBytes is the size of all files in a folder.
func folderBytes(dir string) (int64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, fmt.Errorf("size of folder: %w", err)
	}
	var sum int64
	for _, e := range entries {
		if e.IsDir() {
			inner, err := folderBytes(filepath.Join(dir, e.Name()))
			if err != nil {
				return 0, err
			}
			sum += inner
		} else if info, err := e.Info(); err == nil { // else it was deleted meanwhile
			sum += info.Size()
		}
	}
	return sum, nil
}
