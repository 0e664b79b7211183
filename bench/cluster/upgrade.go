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

// releases are what a cluster is upgraded to: two further ones of the tree, each of which has a field and a type more
// that go between servers, at the next level.
type releases struct {
	first    int // the level of the tree
	binaries []string
}

// nextReleases builds them. It is done before there is load.
func nextReleases(dir string) (r releases, err error) {
	text, err := os.ReadFile("internal/server/crossing.txt")
	if err != nil {
		return r, fmt.Errorf("it is run from the top of the tree: %w", err)
	}
	levels := regexp.MustCompile(`(?m)^levels \d+ to (\d+)$`).FindSubmatch(text)
	if levels == nil {
		return r, errors.New("crossing.txt has no line of levels")
	}
	if r.first, err = strconv.Atoi(string(levels[1])); err != nil {
		return r, err
	}
	for level := r.first + 1; level <= r.first+2; level++ {
		binary, err := nextRelease(filepath.Join(dir, fmt.Sprintf("level%d", level)), r.first, level)
		if err != nil {
			return r, err
		}
		r.binaries = append(r.binaries, binary)
	}
	return r, nil
}

// raisedWithin is how long nodes may take to use what all can do.
const raisedWithin = time.Minute

// upgrade has all nodes run first the one release and then the other, one node after the other. Nothing newer may be sent
// while an old node is there, all of it must be sent when none is, and then an old one must be refused.
func (c *cluster) upgrade(each time.Duration) error {
	for n, binary := range c.next.binaries {
		level := c.next.first + 1 + n
		for i, n := range c.nodes {
			server := n.take()
			if err := server.Stop(); err != nil {
				return err
			}
			n.binary = binary
			if err := c.start(n); err != nil {
				return err
			}
			c.watch(fmt.Sprintf("upgrade of %s to level %d", n.name, level), each/4)
			used, err := c.uses(level)
			for end := time.Now().Add(raisedWithin); err == nil && i == len(c.nodes)-1 && used < len(c.nodes) && time.Now().Before(end); {
				time.Sleep(100 * time.Millisecond)
				used, err = c.uses(level)
			}
			if err != nil {
				return err
			}
			if want := len(c.nodes) * ((i + 1) / len(c.nodes)); used != want {
				return fmt.Errorf("%d of %d nodes have level %d, and %d of them have had something of it; want %d", i+1, len(c.nodes), level, used, want)
			}
		}
		fmt.Printf("all have level %d, and use it\n", level)
	}
	old, err := c.prepare("old")
	if err != nil {
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

// uses tells how many nodes have had something that came with a level. An error: a node could not write or read something.
func (c *cluster) uses(level int) (used int, err error) {
	for _, n := range c.nodes {
		log, err := os.ReadFile(n.log.Name())
		if err != nil {
			return 0, err
		}
		if bad := regexp.MustCompile(`.*(?:can't be written|can't be read|wants level|of an unknown kind).*`).Find(log); bad != nil {
			return 0, fmt.Errorf("node %s: %s", n.name, bad)
		}
		if bytes.Contains(log, fmt.Appendf(nil, "what came with level %d", level)) {
			used++
		}
	}
	return used, nil
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
		after("internal/cluster/frame.go", "\t\tCmd engine.Command\n", "\t\tTrace"+n+" string\n")
		after("internal/cluster/frame.go", "\tAck     struct{ shard.FarAck }\n", "\tLater"+n+" struct{ Text string }\n")
		after("internal/cluster/frame.go", "\t\tMoved bool\n", "\t\tHint"+n+" string\n")
		after("internal/cluster/cluster.go", "// Config is what a Cluster is given.\ntype Config struct {\n", "\tLater"+n+" func() bool\n")
		after("internal/cluster/cluster.go", "\tswitch f := frame.(type) {\n", "\tcase *Later"+n+":\n\t\tc.Log.Info(\"what came with level "+n+"\", \"text\", f.Text)\n")
		after("internal/cluster/cluster.go", "\tc.takeVacant()\n\tc.give()\n", "\tif c.Later"+n+"() {\n\t\tfor member := range c.linked {\n\t\t\tc.send(c.links, member, &Later"+n+"{\"t\"})\n\t\t}\n\t}\n")
		after("internal/cluster/router.go", "&Command{ID: call, Cmd: cmd", ", Trace"+n+": c.trace"+n+"()")
		after("internal/cluster/router.go", "r := &Reply{ID: name.id, ", "Hint"+n+": f.Trace"+n+" + \"h\", ")
		edit("internal/cluster/router.go", func(text string) (string, error) {
			return text + "\nfunc (c *Cluster) trace" + n + "() string {\n\tif c.Later" + n + "() {\n\t\treturn \"t\"\n\t}\n\treturn \"\"\n}\n", nil
		})
		after("internal/server/cluster.go", "\treturn cluster.New(cluster.Config{\n", "\t\tLater"+n+": func() bool { m := s.membership; return m != nil && m.codec != nil && m.codec.Level() >= "+n+" },\n")
		after("internal/server/clusterlinks.go", "\tfor _, v := range []any{\n", "\t\tcluster.Later"+n+"{},\n")
		edit("internal/server/crossing.txt", func(text string) (string, error) {
			text = regexp.MustCompile(`(?m)^levels \d+ to \d+$`).ReplaceAllString(text, fmt.Sprintf("levels %d to %d", l-1, l))
			for row, field := range map[string]string{"internal/cluster.Command": "Trace" + n + " text @" + n, "internal/cluster.Reply": "Hint" + n + " text @" + n + "?"} {
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
