package layout

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// caches are all places that keep something in case it is wanted again, and what bounds the
// bytes that they keep; the text stands in the file. A pool keeps no more than were in
// use at a time, and the garbage collector empties it, so its things are bounded one by one.
var caches = map[string]string{
	"internal/audit/audit.go: lines":               "cap(*line) <= lineKept",
	"internal/aws/awsjson/awsjson.go: decoders":    "d.ResetBytes(nil)", // it keeps no body
	"internal/aws/operation/body.go: answers":      "cap(a.Body) > keptMax",
	"internal/aws/operation/body.go: bodies":       "cap(b.bytes) > keptMax",
	"internal/aws/sigv4/key.go: KeyCache":          "scopeBytesMax", // 4,096 keys of a KB
	"internal/aws/sigv4/key.go: macs":              "of hash.Hash",  // of one size
	"internal/aws/sigv4/sigv4.go: scratches":       "cap(w.text) <= scratchMax",
	"internal/blob/hasher.go: copyRooms":           "[copyBytes]byte",
	"internal/bucket/download.go: chunks":          "[chunkLen]byte",
	"internal/bucket/s3/put.go: parts":             "[partLen]byte",
	"internal/iam/account/callers.go: callers":     "callersBytesMax",
	"internal/kms/datakey/cache.go: Cache":         "c.bytes > c.BytesMax",
	"internal/runlog/fold.go: foldings":            "cap(f.turn.lens) <= foldingEvents", // neither the room nor a folder grows
	"internal/server/audit.go: rooms":              "cap(*b) <= roomBytesKept",
	"internal/sfn/asl/cache.go: Cache":             "c.bytesMax",
	"internal/shard/batch.go: rooms":               "cap(b.room) <= roomBytesKept",
	"internal/shard/fetch.go: blobCache":           "blobCacheBytesMax",
	"internal/shard/fetch.go: stateFetches":        "return new(fetch)", // of one size
	"internal/shard/run.go: cache":                 "c.all.Load() > int64(bytes)",
	"internal/shard/run.go: changes":               "return new(change)", // of one size
	"internal/store/pebblestore/order.go: orders":  "cap(o.rows) <= orderRowsKept",
	"internal/store/pebblestore/view.go: keyRooms": "cap(*room) <= keyRoomKept",
	"internal/store/pgstore/commit.go: writes":     "<= writeBytesKept",
	"internal/store/sealed/sealed.go: batches":     "cap(b.bytes) <= batchBytesMax",
	"internal/sfn/catalog.go: catalog":             "catalogBytesMax",
	"internal/swf/catalog.go: catalog":             "catalogBytesMax",
}

// keeps finds what keeps something: pools by their type, the others by their names.
var keeps = regexp.MustCompile(`(?m)^(?:\t|var )?(\w+)\s+(?:= )?sync\.Pool|^type (\w*[cC]ache|callers|catalog) struct`)

// TestEveryCacheHasABound finds a cache or pool that nobody has thought about.
func TestEveryCacheHasABound(t *testing.T) {
	left := maps.Clone(caches)
	err := filepath.WalkDir(filepath.Join(root, "internal"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		for _, found := range keeps.FindAllStringSubmatch(string(text), -1) {
			name := filepath.ToSlash(file) + ": " + found[1] + found[2]
			bound, known := caches[name]
			if !known {
				t.Errorf("%s keeps things, and caches does not say what bounds their bytes", name)
			} else if !strings.Contains(string(text), bound) {
				t.Errorf("%s: %q does not stand there", name, bound)
			}
			delete(left, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(left)) {
		t.Errorf("%s is not there", name)
	}
}
