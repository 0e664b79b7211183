package itemreader

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	library "github.com/parquet-go/parquet-go"

	"heddle/internal/bucket"
	"heddle/jsonvalue"
)

func anybody(context.Context, string, string, string) error { return nil }

// put makes a store with objects.
func put(t *testing.T, objects map[string]string) bucket.Store {
	t.Helper()
	store := &bucket.Memory{}
	store.Make("bucket")
	for key, body := range objects {
		if _, err := store.Put(t.Context(), &bucket.Put{Bucket: "bucket", Key: key, Source: bucket.Bytes(body), Size: int64(len(body))}); err != nil {
			t.Fatal(err)
		}
	}
	return store
}

// all reads all items, so many at a time.
func all(t *testing.T, r *Reader, most int64) ([]string, error) {
	t.Helper()
	var items []string
	var from []byte
	for range 100_000 {
		part, err := r.Next(t.Context(), from, most)
		if err != nil {
			return items, err
		}
		if items, from = append(items, part.Items...), part.Position; part.Done {
			return items, nil
		}
	}
	t.Fatal("there is no end")
	return nil, nil
}

// TestItems reads objects as a whole and item by item: both give the same.
func TestItems(t *testing.T) {
	for _, c := range []struct {
		name, body string
		reader     Reader
		want       string // items with blanks between, or a cause
	}{
		{"list", ` [1, {"a":[1,"]"]} ,"x,\"]",null, -1.5e3,[]]  `, Reader{InputType: "JSON"}, `1 {"a":[1,"]"]} "x,\"]" null -1.5e3 []`},
		{"empty list", `[]`, Reader{InputType: "JSON"}, ``},
		{"mark", "\ufeff[1]", Reader{InputType: "JSON"}, `1`},
		{"object in place of a list", `{"a":1}`, Reader{InputType: "JSON"}, `! Attempting to map over non-iterable node.`},
		{"no list", `"a"`, Reader{InputType: "JSON"}, `! Attempting to map over non-iterable node.`},
		{"object", `{"o": {"a":1, "b\"}" : {"c":[2]} ,"":null}}`, Reader{InputType: "JSON", Pointer: "/o"}, `{"Key":"a","Value":1} {"Key":"b\"}","Value":{"c":[2]}} {"Key":"","Value":null}`},
		{"empty object", `{"o":{ }}`, Reader{InputType: "JSON", Pointer: "/o"}, ``},
		{"object without an end", `{"o":{"a":1`, Reader{InputType: "JSON", Pointer: "/o"}, `! The list of items does not end.`},
		{"object without a value", `{"o":{"a":`, Reader{InputType: "JSON", Pointer: "/o"}, `! The object ends too early.`},
		{"object without a colon", `{"o":{"a" 1}`, Reader{InputType: "JSON", Pointer: "/o"}, `! The object is no JSON.`},
		{"object with a name that is none", `{"o":{1:1}`, Reader{InputType: "JSON", Pointer: "/o"}, `! The object is no JSON.`},
		{"nothing", ``, Reader{InputType: "JSON"}, `! Attempting to map over non-iterable node.`},
		{"no end", `[1,`, Reader{InputType: "JSON"}, `! The list of items does not end.`},
		{"cut", `[{"a":`, Reader{InputType: "JSON"}, `! The list of items does not end.`},
		{"lines", "{\"n\": 1}\r\n\n[2]\n\"three\"", Reader{InputType: "JSONL"}, `{"n":1} [2] "three"`},
		{"no lines", "", Reader{InputType: "JSONL"}, ``},
		{"rows", "a,b\n1,2\n3\n\n4,5,6\r\n\"x, \"\"y\"\"\",\"l\n2\"", Reader{InputType: "CSV"},
			`{"a":"1","b":"2"} {"a":"3","b":""} {"a":"","b":""} {"a":"4","b":"5"} {"a":"x,·\"y\"","b":"l\n2"}`},
		{"backslashes", `a,b` + "\n" + `C:\\x,1\,2` + "\n" + `\"q\",\n"x\"y"` + "\n" + `"a\\","b\"c"`, Reader{InputType: "CSV"},
			`{"a":"C:\\x","b":"1,2"} {"a":"\"q\"","b":"n\"x\"y\""} {"a":"a\\","b":"b\"c"}`},
		{"pointer", `{"x":[[9]],"a/b":{"other":"]","list":[{},{"l":[1,2]}]},"l":3}`, Reader{InputType: "JSON", Pointer: "/a~1b/list/1/l"}, `1 2`},
		{"pointer to an object", `{"a":{"b":1}}`, Reader{InputType: "JSON", Pointer: "/a"}, `{"Key":"b","Value":1}`},
		{"pointer to no list", `{"a":1}`, Reader{InputType: "JSON", Pointer: "/a"}, `! Attempting to map over non-iterable node.`},
		{"pointer to nothing", `{"a":[1]}`, Reader{InputType: "JSON", Pointer: "/b"}, `! The ItemsPointer names nothing in the object: /b`},
		{"pointer into a number", `{"a":1}`, Reader{InputType: "JSON", Pointer: "/a/b"}, `! The ItemsPointer names nothing in the object: /a/b`},
		{"pointer into what ends", `{"a":`, Reader{InputType: "JSON", Pointer: "/a/b"}, `! The object ends too early.`},
		{"given", "1|2\n", Reader{InputType: "CSV", HeadersGiven: true, Headers: []string{"x", ""}, Delimiter: "PIPE"}, `{"x":"1","":"2"}`},
		{"twice", "a,a\n1,2\n", Reader{InputType: "CSV"}, `! CSV headers cannot contain duplicates.`},
		{"no rows", "", Reader{InputType: "CSV"}, ``},
	} {
		c.reader.Store, c.reader.May, c.reader.Bucket, c.reader.Key = put(t, map[string]string{"k": c.body}), anybody, "bucket", "k"
		for _, most := range []int64{1, 2, 1000} {
			items, err := all(t, &c.reader, most)
			got := strings.ReplaceAll(strings.Join(items, "\x00"), " ", "·")
			got = strings.ReplaceAll(got, "\x00", " ")
			if flaw, ok := errors.AsType[*Error](err); ok {
				got = "! " + flaw.Cause
			} else if err != nil {
				t.Fatal(err)
			}
			if got != c.want {
				t.Errorf("%s, %d at a time: %s, want %s", c.name, most, got, c.want)
			}
		}
	}
	for _, body := range []string{"[1 2 x]", "[\"" + strings.Repeat("x", readBytes) + "\"]"} {
		if items, err := all(t, &Reader{Store: put(t, map[string]string{"k": body}), May: anybody, Bucket: "bucket", Key: "k", InputType: "JSON"}, 1000); err == nil {
			t.Errorf("%.20s gives %d items", body, len(items))
		}
	}
}

// TestLargeItems: an item of up to 8 MiB is cut before it goes on, whatever it is in; for it there is room, one
// after the other. Larger ones, those with too many values, and all if nobody cuts, are refused.
func TestLargeItems(t *testing.T) {
	large, largest := strings.Repeat("x", ItemBytes), strings.Repeat("x", readBytes-100)
	list := func(n int) string { return "[" + strings.Repeat("1,", n-1) + "1]" }
	room := bucket.NewRoom(bucket.RoomBytesDefault)
	for _, c := range []struct{ kind, body, want string }{
		{"JSON", `[1,{"id":2,"rest":"` + large + `"},{"id":3,"rest":"` + large + `"},4]`, `1 2@1 3@2 4`},
		{"JSON", `[{"id":` + strings.Repeat(" ", ItemBytes) + `7}]`, `{"id":7}`},
		{"JSON", `[{"id":5,"rest":` + list(readValues-10) + `}]`, "5@0"},
		{"JSON", `[{"id":5,"rest":` + list(readValues+10) + `}]`, "! An item has more than 500000 values."},
		{"JSONL", `{"id":1,"rest":"` + large + `"}` + "\n2\n" + `{"id":3,"rest":"` + large + `"}`, `1@0 2 3@2`},
		{"JSONL", `{"id":1,"rest":"` + largest + `"}`, `1@0`},
		{"JSONL", "{}\n" + `{"id":1,"rest":"` + largest + `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}` + "\n", "! An item has 8388609 bytes, and may have 8388608 at most."},
		{"CSV", "id,rest\n1,\"" + large + "\"\n2,\n3," + large + strings.Repeat(",", 90) + "\n", `1@0 {"id":"2","rest":""} 3@2`},
		{"CSV", "id," + strings.Repeat("h", headersBytes) + "\n", "! CSV headers have more than 10240 bytes."},
	} {
		for _, most := range []int64{1, 1000} {
			if most == 1 && len(c.body) > readBytes/2 { // once will do
				continue
			}
			cut := 0
			r := &Reader{Store: put(t, map[string]string{"k": c.body}), May: anybody, Bucket: "bucket", Key: "k", InputType: c.kind, Room: room}
			seen := int64(0) // before the part
			r.Cut = func(i int, in, object string, member *string, v any) (string, error) {
				cut++
				id, _ := v.(*jsonvalue.Object).Get("id")
				if in != "bucket" || object != "k" || member != nil {
					t.Errorf("it is said to be in %s %s", in, object)
				}
				return fmt.Sprintf("%s@%d", strings.Trim(jsonvalue.Text(id), `"`), seen+int64(i)), nil
			}
			var items []string
			var err error
			for part := (&Part{}); !part.Done && err == nil; {
				if part, err = r.Next(t.Context(), part.Position, most); err != nil {
					break
				}
				items, seen = append(items, part.Items...), seen+int64(len(part.Items))
				if len(part.Cut) > len(part.Items) {
					t.Errorf("of %d items %v are cut", len(part.Items), part.Cut)
				}
			}
			got := strings.Join(items, " ")
			if flaw, ok := errors.AsType[*Error](err); ok {
				got = "! " + flaw.Cause
			} else if err != nil {
				t.Fatal(err)
			}
			if got != c.want || cut != strings.Count(c.want, "@") {
				t.Errorf("%s %.30s…, %d at a time: %.200s, %d cut; want %s", c.kind, c.body, most, got, cut, c.want)
			}
			within, cancel := context.WithCancel(t.Context())
			if err := room.Take(within, bucket.RoomBytesDefault); err != nil { // all of it was given back
				t.Fatal(err)
			}
			cancel()
			room.Give(bucket.RoomBytesDefault)
			if r.Cut = nil; most == 1 && strings.Contains(c.want, "@") {
				if items, err := all(t, r, 1000); err == nil {
					t.Errorf("%s %.30s gives %d items that nobody has cut", c.kind, c.body, len(items))
				}
			}
		}
	}
}

// TestObjects lists a bucket.
func TestObjects(t *testing.T) {
	objects := map[string]string{"other": ""}
	for i := range 7 {
		objects[fmt.Sprintf("in/%d", i)] = "x"
	}
	r := &Reader{Store: put(t, objects), May: anybody, Bucket: "bucket", Key: "in/", List: true}
	for _, most := range []int64{1, 3, 1000} {
		items, err := all(t, r, most)
		if err != nil || len(items) != 7 || !strings.Contains(items[6], `"Key":"in/6"`) || !strings.Contains(items[0], `"Size":1,"StorageClass":"STANDARD"`) {
			t.Errorf("%d at a time: %v, %v", most, items, err)
		}
	}
}

// TestInventory reads the rows of an inventory's files.
func TestInventory(t *testing.T) {
	zip := func(text string) string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, err := w.Write([]byte(text))
		if err = errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	r := &Reader{May: anybody, Bucket: "bucket", Key: "m.json", InputType: "MANIFEST", Store: put(t, map[string]string{
		"m.json": `{"destinationBucket":"arn:aws:s3:::bucket","fileFormat":"CSV","fileSchema":"Bucket, Key","files":[{"key":"1"},{"key":"2"},{"key":"3"}]}`,
		"1":      zip("\"x\",\"a%2Fb+c\"\n\"x\",\"d\"\n"), "2": zip(""), "3": zip("\"x\",\"e\"\n"),
	})}
	want := []string{`{"Bucket":"x","Key":"a/b c"}`, `{"Bucket":"x","Key":"d"}`, `{"Bucket":"x","Key":"e"}`}
	for _, most := range []int64{1, 2, 1000} {
		if items, err := all(t, r, most); err != nil || !slices.Equal(items, want) {
			t.Errorf("%d at a time: %v, %v", most, items, err)
		}
	}
}

// TestReadingIsAsked: nothing is read that may not be, and nothing of an object that has changed.
func TestReadingIsAsked(t *testing.T) {
	no := errors.New("no")
	var asked []string
	r := &Reader{Store: put(t, map[string]string{"k": "[1,2]"}), Bucket: "bucket", Key: "k", May: func(_ context.Context, action, in, key string) error {
		asked = append(asked, action+" "+in+" "+key)
		return no
	}}
	for _, list := range []bool{false, true} {
		r.List = list
		if part, err := r.Next(t.Context(), nil, 10); !errors.Is(err, no) {
			t.Errorf("got %v, %v", part, err)
		}
	}
	if want := []string{"s3:GetObject bucket k", "s3:ListBucket bucket "}; !slices.Equal(asked, want) {
		t.Errorf("asked %q, want %q", asked, want)
	}
	r.List, r.May = false, anybody
	part, err := r.Next(t.Context(), nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Store.Put(t.Context(), &bucket.Put{Bucket: "bucket", Key: "k", Source: bucket.Bytes("[3,4]"), Size: 5}); err != nil {
		t.Fatal(err)
	}
	if again, err := r.Next(t.Context(), part.Position, 1); !errors.Is(err, bucket.ErrChanged) {
		t.Errorf("of an object that has changed: %v, %v", again, err)
	}
}

// TestRefusals: what the store refuses is its own error.
func TestRefusals(t *testing.T) {
	r := &Reader{Store: put(t, nil), May: anybody, Bucket: "bucket", Key: "none"}
	if _, err := r.Next(t.Context(), nil, 1); !errors.Is(err, bucket.ErrNoSuchKey) {
		t.Errorf("got %v", err)
	}
}

// TestSeveralObjects reads what is in the objects of a list, and in those that a manifest of
// Athena's names: as a whole and item by item, which gives the same.
func TestSeveralObjects(t *testing.T) {
	zip := func(text string) string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, err := w.Write([]byte(text))
		if err = errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	store := put(t, map[string]string{
		"lines/1": "{\"n\":1}\n{\"n\":2}\n", "lines/2": "", "lines/3/": "", "lines/4.gz": zip("3\n4\n5"), "lines/5": "6", "other": "7",
		"lists/1": "[1,2]", "lists/2": "[]", "lists/3": "[[3]]",
		"rows/1": "a,b\n1,2\n", "rows/2": "b,c\n3,4\n5,6\n",
		"bare/1": "1,2\n", "bare/2.gz": zip("3,4\n"),
		"objects/1": `{"a":1}`, "objects/2": `[2]`, "objects/3": `{"b":3,"c":4}`,
		"one": "s3://bucket/lines/1\n\"s3://bucket/lines/4.gz\"\r\n\n", "two": "s3://bucket/bare/1\ns3://bucket/bare/2.gz", "none": "", "wrong": "lines/1",
	})
	for _, c := range []struct {
		name   string
		reader Reader
		want   string // items with blanks between, or a cause
	}{
		{"lines", Reader{List: true, Key: "lines/", InputType: "JSONL"}, `{"n":1} {"n":2} 3 4 5 6`},
		{"lists", Reader{List: true, Key: "lists/", InputType: "JSON"}, `1 2 [3]`},
		{"rows, each with headers", Reader{List: true, Key: "rows/", InputType: "CSV"}, `{"a":"1","b":"2"} {"b":"3","c":"4"} {"b":"5","c":"6"}`},
		{"objects and a list", Reader{List: true, Key: "objects/", InputType: "JSON"}, `{"Key":"a","Value":1} 2 {"Key":"b","Value":3} {"Key":"c","Value":4}`},
		{"objects and a list, described", Reader{List: true, Key: "objects/", InputType: "JSON", Describe: described}, `bucket/objects/1[a]=1 bucket/objects/2=2 bucket/objects/3[b]=3 bucket/objects/3[c]=4`},
		{"Athena's lines, described", Reader{Athena: true, Key: "one", InputType: "JSONL", Describe: described}, `bucket/lines/1={"n":1} bucket/lines/1={"n":2} bucket/lines/4.gz=3 bucket/lines/4.gz=4 bucket/lines/4.gz=5`},
		{"no objects", Reader{List: true, Key: "nothing/", InputType: "JSON"}, ``},
		{"an object that is none", Reader{List: true, Key: "lines/", InputType: "JSON"}, `! Attempting to map over non-iterable node.`},
		{"Athena's lines", Reader{Athena: true, Key: "one", InputType: "JSONL"}, `{"n":1} {"n":2} 3 4 5`},
		{"Athena's rows", Reader{Athena: true, Key: "two", InputType: "CSV", HeadersGiven: true, Headers: []string{"x", "y"}}, `{"x":"1","y":"2"} {"x":"3","y":"4"}`},
		{"an empty manifest", Reader{Athena: true, Key: "none", InputType: "CSV"}, ``},
		{"no object", Reader{Athena: true, Key: "wrong", InputType: "CSV"}, `! A line of the manifest names no object: lines/1`},
	} {
		c.reader.Store, c.reader.Bucket = store, "bucket"
		asked := map[string]bool{}
		c.reader.May = func(_ context.Context, action, _, key string) error {
			asked[action+" "+key] = true
			return nil
		}
		for _, most := range []int64{1, 2, 1000} {
			items, err := all(t, &c.reader, most)
			got := strings.Join(items, " ")
			if flaw, ok := errors.AsType[*Error](err); ok {
				got = "! " + flaw.Cause
			} else if err != nil {
				t.Fatal(err)
			}
			if got != c.want {
				t.Errorf("%s, %d at a time: %s, want %s", c.name, most, got, c.want)
			}
		}
		if c.reader.List != asked["s3:ListBucket "] || strings.Contains(c.want, `"n":1`) && !asked["s3:GetObject lines/1"] {
			t.Errorf("%s: asked %v", c.name, asked)
		}
	}
}

func described(bucket, object string, member *string, value string) string {
	at := bucket + "/" + object
	if member != nil {
		at += "[" + *member + "]"
	}
	return at + "=" + value
}

// TestCompressed reads objects that are compressed, by any type that can be: the same as without.
func TestCompressed(t *testing.T) {
	body := map[string]string{"JSON": `[1,{"a":"b"},3]`, "JSONL": "1\n{\"a\":\"b\"}\n3\n", "CSV": "a,b\n1,2\n\n3,4"}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	standard, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for kind, text := range body {
		b.Reset()
		z.Reset(&b)
		_, err := z.Write([]byte(text))
		if err = errors.Join(err, z.Close()); err != nil {
			t.Fatal(err)
		}
		packed := standard.EncodeAll([]byte(text), nil)
		store := put(t, map[string]string{"plain": text, "k.gz": b.String(), "k.zst": string(packed), "k.zstd": string(packed), "cut.gz": b.String()[:b.Len()/2], "cut.zst": string(packed[:len(packed)/2]), "none.gz": text, "none.zst": text})
		read := func(key string, most int64) ([]string, error) {
			return all(t, &Reader{Store: store, May: anybody, Bucket: "bucket", Key: key, InputType: kind}, most)
		}
		want, err := read("plain", 1000)
		if err != nil || len(want) != 3 {
			t.Fatalf("%s: %v, %v", kind, want, err)
		}
		for _, key := range []string{"k.gz", "k.zst", "k.zstd"} {
			for _, most := range []int64{1, 1000} {
				if items, err := read(key, most); err != nil || !slices.Equal(items, want) {
					t.Errorf("%s of %s, %d at a time: %v, %v", kind, key, most, items, err)
				}
			}
		}
		for _, key := range []string{"cut.gz", "cut.zst", "none.gz", "none.zst"} {
			if items, err := read(key, 1000); err == nil {
				t.Errorf("%s of %s: %v", kind, key, items)
			} else if _, ok := errors.AsType[*Error](err); !ok {
				t.Errorf("%s of %s: %v, which is none of the user's", kind, key, err)
			}
		}
	}
}

// TestVersions: a version is asked for, and needs a right of its own.
func TestVersions(t *testing.T) {
	var asked []string
	r := &Reader{Store: put(t, map[string]string{"k": "[1]"}), Bucket: "bucket", Key: "k", InputType: "JSON", Version: bucket.VersionNull, May: func(_ context.Context, action, _, _ string) error {
		asked = append(asked, action)
		return nil
	}}
	if items, err := all(t, r, 10); err != nil || !slices.Equal(items, []string{"1"}) || !slices.Equal(asked, []string{"s3:GetObjectVersion"}) {
		t.Errorf("got %v, %v, asked %v", items, err, asked)
	}
	r.Version = "1"
	if _, err := r.Next(t.Context(), nil, 1); !errors.Is(err, bucket.ErrNoSuchKey) || !strings.Contains(err.Error(), "NoSuchVersion") {
		t.Errorf("of a version that is not there: %v", err)
	}
}

// TestParquet reads rows of Parquet files: of one, of those of a list, and of Athena's.
func TestParquet(t *testing.T) {
	type row struct {
		N    int64    `parquet:"n"`
		Tags []string `parquet:"tags,list"`
	}
	file := func(from, to int64) string {
		var b bytes.Buffer
		w := library.NewGenericWriter[row](&b, library.MaxRowsPerRowGroup(3))
		for n := from; n < to; n++ {
			if _, err := w.Write([]row{{n, []string{fmt.Sprint("t", n)}}}); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	store := put(t, map[string]string{"in/1": file(0, 5), "in/2": file(5, 5), "in/3": file(5, 8), "m.csv": "s3://bucket/in/1\ns3://bucket/in/3\n", "text": "text"})
	want := make([]string, 8)
	for i := range want {
		want[i] = fmt.Sprintf(`{"n":%d,"tags":["t%d"]}`, i, i)
	}
	for _, c := range []struct {
		reader Reader
		want   []string
	}{
		{Reader{Key: "in/1"}, want[:5]},
		{Reader{Key: "in/2"}, nil},
		{Reader{Key: "in/", List: true}, want},
		{Reader{Key: "m.csv", Athena: true}, want},
	} {
		c.reader.Store, c.reader.May, c.reader.Bucket, c.reader.InputType = store, anybody, "bucket", "PARQUET"
		c.reader.Room = bucket.NewRoom(1 << 20)
		for _, most := range []int64{1, 2, 1000} {
			if items, err := all(t, &c.reader, most); err != nil || !slices.Equal(items, c.want) {
				t.Errorf("%s, %d at a time: %v, %v", c.reader.Key, most, items, err)
			}
		}
	}
	r := Reader{Store: store, May: anybody, Bucket: "bucket", Key: "text", InputType: "PARQUET"}
	if _, err := r.Next(t.Context(), nil, 1); err == nil || err.Error() != "The object is no Parquet file." {
		t.Errorf("of a text: %v", err)
	}
	no := errors.New("no")
	r.May = func(_ context.Context, action, in, key string) error {
		return fmt.Errorf("%s %s %s: %w", action, in, key, no)
	}
	if _, err := r.Next(t.Context(), nil, 1); !errors.Is(err, no) || !strings.HasPrefix(err.Error(), "s3:GetObject bucket text") {
		t.Errorf("without permission: %v", err)
	}
	r.Key, r.May = "in/1", anybody
	part, err := r.Next(t.Context(), nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	body := file(0, 7)
	if _, err := store.Put(t.Context(), &bucket.Put{Bucket: "bucket", Key: "in/1", Source: bucket.Bytes(body), Size: int64(len(body))}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(t.Context(), part.Position, 1); err == nil || !strings.Contains(err.Error(), "has changed") {
		t.Errorf("of a file that has changed: %v", err)
	}
}
