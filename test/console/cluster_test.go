package console

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"heddle/internal/sealing"
	"heddle/internal/server"
	"heddle/internal/store/pgstore/pgtest"
)

// TestServerPageOfACluster: the page of the server shows both nodes; nothing that axe finds, nor
// anything that scrolls sideways on a phone. So it is when a shard has lost something, and when one of them has gone.
func TestServerPageOfACluster(t *testing.T) {
	chromium(t)
	database := pgtest.New(t)
	key := filepath.Join(t.TempDir(), "root.key")
	var nodes []*server.Server
	for _, name := range []string{"node-of-a-rather-long-name-0", "b"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		cfg := server.Config{
			Listen: "127.0.0.1:0", Store: server.StorePostgres, Postgres: database.DSN(), Data: t.TempDir(), PollHold: time.Second,
			Cluster: server.Cluster{Node: name, Listen: l.Addr().String()}, RootKeys: sealing.RootKeys{File: key},
		}
		if err := errors.Join(l.Close(), os.Chmod(cfg.Data, 0o700)); err != nil {
			t.Fatal(err)
		}
		s, err := server.Start(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
		nodes = append(nodes, s)
	}
	b := newBrowser(t, nodes[0].URL())
	b.open(must(nodes[0].ConsoleURL())[len(nodes[0].URL()):])
	b.waits(`document.title.startsWith("Domains")`)
	look := func(name string) {
		t.Helper()
		for _, width := range []int64{1400, 390} {
			b.size(width, 900)
			b.open("/console/us-east-1/-server")
			b.axe(name)
			if wide := ask[int64](b, `document.documentElement.scrollWidth`); wide > width {
				t.Errorf("%s: %d px wide on %d", name, wide, width)
			}
			b.picture(name)
			b.fine(name)
		}
	}
	shown := func(node string) string { return `document.querySelector('tr[data-node="` + node + `"]')` }
	look("cluster")
	b.waits(shown("b") + `.textContent.includes("in order") && ` + shown("node-of-a-rather-long-name-0") + `.textContent.includes("this one")`)
	if ask[bool](b, `document.querySelector("[data-losses]") !== null`) {
		t.Error("nothing is lost, and the page says that something is")
	}
	// What a server writes that finds a shard short of what was acknowledged.
	if _, err := database.SQL(`insert into heddle.meta values ('store/lost/7', '9000000')`); err != nil {
		t.Fatal(err)
	}
	b.waits(`document.querySelector('tr[data-loss="7"]')?.textContent.includes("9,000,000") && document.body.textContent.includes("heddle accept-loss")`)
	look("cluster with a loss")
	if _, err := database.SQL(`delete from heddle.meta where key = 'store/lost/7'`); err != nil {
		t.Fatal(err)
	}
	b.waits(`document.querySelector("[data-losses]") === null`)
	if err := nodes[1].Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.waits(shown("b") + ` === null`) // the page asks again by itself
	look("cluster of one")
}
