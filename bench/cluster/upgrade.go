package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"heddle/bench/process"
)

// upgrade makes two further releases of the tree, each of which has a field and a type more
// that go between servers, at the next level, and has all nodes run first the one and then
// the other, one node after the other. Nothing newer may be sent while an old node is there, all
// of it must be sent when none is, and then an old one must be refused.
func (c *cluster) upgrade(each time.Duration) error {
	text, err := os.ReadFile("internal/server/crossing.txt")
	if err != nil {
		return fmt.Errorf("it is run from the top of the tree: %w", err)
	}
	levels := regexp.MustCompile(`(?m)^levels \d+ to (\d+)$`).FindSubmatch(text)
	if levels == nil {
		return errors.New("crossing.txt has no line of levels")
	}
	first, err := strconv.Atoi(string(levels[1]))
	if err != nil {
		return err
	}
	for level := first + 1; level <= first+2; level++ {
		dir := filepath.Join(c.dir, fmt.Sprintf("level%d", level))
		binary, err := nextRelease(dir, first, level)
		if err != nil {
			return err
		}
		for i, n := range c.nodes {
			server := n.take()
			if err := server.Stop(); err != nil {
				return err
			}
			n.binary = binary
			if err := c.start(n); err != nil {
				return err
			}
			c.watch(fmt.Sprintf("upgrade of %s to level %d", n.name, level), each)
			for _, other := range c.nodes {
				log, err := os.ReadFile(other.log.Name())
				if err != nil {
					return err
				}
				if bad := regexp.MustCompile(`.*(?:can't be written|can't be read|wants level|of an unknown kind).*`).Find(log); bad != nil {
					return fmt.Errorf("node %s: %s", other.name, bad)
				}
				sent := bytes.Contains(log, fmt.Appendf(nil, "what came with level %d", level))
				if sent != (i == len(c.nodes)-1) {
					return fmt.Errorf("%d of %d nodes have level %d; node %s has had something of it: %v", i+1, len(c.nodes), level, other.name, sent)
				}
			}
		}
		fmt.Printf("all have level %d, and use it\n", level)
	}
	old := &node{name: "old", data: filepath.Join(c.dir, "old"), links: "127.0.0.1:0", binary: c.binary}
	if old.log, err = os.Create(filepath.Join(c.dir, "old.log")); err != nil {
		return err
	}
	if err := c.start(old); err == nil {
		_ = old.server.Signal(syscall.SIGKILL)
		return errors.New("a server of the first release has joined")
	}
	log, err := os.ReadFile(old.log.Name())
	if err == nil && !bytes.Contains(log, []byte("use the newer release")) {
		err = fmt.Errorf("a server of the first release was not refused as it should be: %s", log)
	}
	return err
}

// nextRelease builds the tree with what a release of a level has in addition.
func nextRelease(dir string, first, level int) (binary string, err error) {
	files := map[string]string{}
	edit := func(file string, change func(string) (string, error)) {
		if err != nil {
			return
		}
		text, there := files[file]
		if !there {
			b, failed := os.ReadFile(file)
			if failed != nil {
				err = failed
				return
			}
			text = string(b)
		}
		if files[file], err = change(text); err != nil {
			err = fmt.Errorf("%s: %w", file, err)
		}
	}
	after := func(file, anchor, more string) {
		edit(file, func(text string) (string, error) {
			if strings.Count(text, anchor) != 1 {
				return "", fmt.Errorf("%q is not there once", anchor)
			}
			return strings.Replace(text, anchor, anchor+more, 1), nil
		})
	}
	for l := first + 1; l <= level; l++ {
		n := strconv.Itoa(l)
		after("internal/engine/engine.go", "\tPatient bool\n", "\tTrace"+n+" string\n")
		after("internal/cluster/frame.go", "\tAck     struct{ shard.FarAck }\n", "\tLater"+n+" struct{ Text string }\n")
		after("internal/cluster/frame.go", "\t\tMoved bool\n", "\t\tHint"+n+" string\n")
		after("internal/cluster/cluster.go", "// Config is what a Cluster is given.\ntype Config struct {\n", "\tLater"+n+" func() bool\n")
		after("internal/cluster/cluster.go", "\tswitch f := frame.(type) {\n", "\tcase *Later"+n+":\n\t\tc.Log.Info(\"what came with level "+n+"\", \"text\", f.Text)\n")
		after("internal/cluster/cluster.go", "\tc.takeVacant()\n\tc.give()\n", "\tif c.Later"+n+"() {\n\t\tfor member := range c.linked {\n\t\t\tc.send(c.links, member, &Later"+n+"{\"t\"})\n\t\t}\n\t}\n")
		after("internal/cluster/router.go", "func (c *Cluster) Do(ctx context.Context, cmd engine.Command) (any, error) {\n", "\tif c.Later"+n+"() {\n\t\tcmd.Trace"+n+" = \"t\"\n\t}\n")
		after("internal/cluster/router.go", "\t\tr := &Reply{ID: f.ID, ", "Hint"+n+": f.Cmd.Trace"+n+" + \"h\", ")
		after("internal/server/cluster.go", "\treturn cluster.New(cluster.Config{\n", "\t\tLater"+n+": func() bool { m := s.membership; return m != nil && m.codec != nil && m.codec.Level() >= "+n+" },\n")
		after("internal/server/clusterlinks.go", "\tfor _, v := range []any{\n", "\t\tcluster.Later"+n+"{},\n")
		edit("internal/server/crossing.txt", func(text string) (string, error) {
			text = regexp.MustCompile(`(?m)^levels \d+ to \d+$`).ReplaceAllString(text, fmt.Sprintf("levels %d to %d", l-1, l))
			for row, field := range map[string]string{"internal/engine.Command": "Trace" + n + " text @" + n, "internal/cluster.Reply": "Hint" + n + " text @" + n + "?"} {
				if text, err = addField(text, row, field); err != nil {
					return "", err
				}
			}
			last := 0
			for _, m := range regexp.MustCompile(`(?m)^-?(\d+) `).FindAllStringSubmatch(text, -1) {
				number, _ := strconv.Atoi(m[1])
				last = max(last, number)
			}
			return text + fmt.Sprintf("%d internal/cluster.Later%s fields @%s\n\t1 Text text\n", last+1, n, n), nil
		})
	}
	if err != nil {
		return "", fmt.Errorf("make a release of level %d: %w", level, err)
	}
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	for file, text := range files {
		real, err := filepath.Abs(file)
		if err != nil {
			return "", err
		}
		over := filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		if err := os.WriteFile(over, []byte(text), 0o600); err != nil {
			return "", err
		}
		overlay.Replace[real] = over
	}
	b, err := json.Marshal(overlay)
	if err != nil {
		return "", err
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, b, 0o600); err != nil {
		return "", err
	}
	return process.Build(context.Background(), dir, "-overlay", list)
}

// addField adds a field with the next number to a type of a table.
func addField(table, name, field string) (string, error) {
	at := regexp.MustCompile(`(?m)^\d+ ` + regexp.QuoteMeta(name) + ` fields\n((?:\t.*\n)*)`).FindStringSubmatchIndex(table)
	if at == nil {
		return "", fmt.Errorf("the table has no type %s", name)
	}
	last := 0
	for _, m := range regexp.MustCompile(`(?m)^\t-?(\d+) `).FindAllStringSubmatch(table[at[2]:at[3]], -1) {
		number, _ := strconv.Atoi(m[1])
		last = max(last, number)
	}
	return table[:at[3]] + fmt.Sprintf("\t%d %s\n", last+1, field) + table[at[3]:], nil
}
