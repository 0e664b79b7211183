package parquet_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	library "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"

	"heddle/internal/sfn/itemreader/parquet"
)

// file is a file in memory.
type file struct {
	b    []byte
	read int64
}

func (f *file) ReadAt(_ context.Context, b []byte, offset int64) error {
	f.read += int64(len(b))
	_, err := bytes.NewReader(f.b).ReadAt(b, offset)
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// rows reads all rows, opening the file again for some at a time.
func rows(t *testing.T, b []byte, most, bytes int) ([]string, error) {
	t.Helper()
	var all []string
	var at parquet.Place
	for {
		f, err := parquet.Open(t.Context(), &file{b: b}, int64(len(b)), nil)
		if err != nil {
			return all, err
		}
		some, next, err := f.Rows(t.Context(), at, most, bytes, 1<<20)
		if err != nil || len(some) == 0 {
			return all, err
		}
		if len(some) > most {
			t.Fatalf("%d rows, want %d at most", len(some), most)
		}
		if all, at = append(all, some...), next; len(all) > 1_000_000 {
			t.Fatal("there is no end")
		}
	}
}

// write makes a file of rows by the library.
func write[T any](t *testing.T, all []T, options ...library.WriterOption) []byte {
	t.Helper()
	var b bytes.Buffer
	w := library.NewGenericWriter[T](&b, options...)
	if _, err := w.Write(all); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func same(t *testing.T, got []string, err error, want []string) {
	t.Helper()
	if err != nil {
		t.Fatalf("after %d rows: %v", len(got), err)
	}
	if len(got) != len(want) {
		t.Fatalf("%d rows, want %d", len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("row %d\n got %s\nwant %s", i, got[i], want[i])
		}
	}
}

// kinds has a column of each kind of value.
type kinds struct {
	Truth    bool              `parquet:"truth"`
	Small    int32             `parquet:"small"`
	Large    int64             `parquet:"large"`
	Unsigned uint64            `parquet:"unsigned"`
	Single   float32           `parquet:"single"`
	Double   float64           `parquet:"double"`
	Text     string            `parquet:"text"`
	Bytes    []byte            `parquet:"bytes"`
	UUID     uuid.UUID         `parquet:"uuid,uuid"`
	Cents    int64             `parquet:"cents,decimal(2:18)"`
	Date     int32             `parquet:"date,date"`
	Time     int32             `parquet:"time,time(millisecond)"`
	At       time.Time         `parquet:"at,timestamp(millisecond)"`
	Micros   int64             `parquet:"micros,timestamp(microsecond)"`
	Maybe    *string           `parquet:"maybe,optional"`
	Number   *int64            `parquet:"number,optional"`
	List     []string          `parquet:"list,list"`
	Repeated []int32           `parquet:"repeated"`
	Group    inner             `parquet:"group"`
	Groups   []inner           `parquet:"groups,list"`
	Map      map[string]int64  `parquet:"map"`
	Lists    [][]int64         `parquet:"lists,list"`
	Perhaps  *inner            `parquet:"perhaps,optional"`
	Of       map[string]*inner `parquet:"of"`
}

type inner struct {
	A string  `parquet:"a"`
	B *int64  `parquet:"b,optional"`
	C []int64 `parquet:"c,list"`
}

// TestKinds reads a row with a value of each kind, and one with as little as there may be.
func TestKinds(t *testing.T) {
	text, number := "perhaps", int64(-9007199254740993)
	b := write(t, []kinds{
		{
			Truth: true, Small: -5, Large: 9007199254740993, Unsigned: 18446744073709551615, Single: 0.1, Double: 1e21, Text: "a \"b\"\n\u00e9", Bytes: []byte{0xff, 0},
			UUID: uuid.MustParse("00112233-4455-6677-8899-aabbccddeeff"), Cents: -5, Date: 19_723, Time: 3_723_004, At: time.UnixMilli(1_700_000_000_123), Micros: 1_700_000_000_123_456,
			Maybe: &text, Number: &number, List: []string{"x", ""}, Repeated: []int32{1, 2},
			Group: inner{"g", &number, []int64{1}}, Groups: []inner{{A: "h"}, {"i", &number, []int64{2, 3}}}, Map: map[string]int64{"k": 7},
			Lists: [][]int64{{1, 2}, {}, {3}}, Perhaps: &inner{A: "p"}, Of: map[string]*inner{"m": {A: "q", C: []int64{9}}},
		},
		{},
	})
	got, err := rows(t, b, 10, 1<<20)
	same(t, got, err, []string{
		`{"truth":true,"small":-5,"large":9007199254740993,"unsigned":18446744073709551615,"single":0.1,"double":1e+21,"text":"a \"b\"\né","bytes":"/wA=",` +
			`"uuid":"00112233-4455-6677-8899-aabbccddeeff","cents":-0.05,"date":"2024-01-01","time":"01:02:03.004","at":1700000000123,"micros":1700000000123.456,` +
			`"maybe":"perhaps","number":-9007199254740993,"list":["x",""],"repeated":[1,2],` +
			`"group":{"a":"g","b":-9007199254740993,"c":[1]},"groups":[{"a":"h","b":null,"c":[]},{"a":"i","b":-9007199254740993,"c":[2,3]}],"map":{"k":7},` +
			`"lists":[[1,2],[],[3]],"perhaps":{"a":"p","b":null,"c":[]},"of":{"m":{"a":"q","b":null,"c":[9]}}}`,
		`{"truth":false,"small":0,"large":0,"unsigned":0,"single":0,"double":0,"text":"","bytes":"",` +
			`"uuid":"00000000-0000-0000-0000-000000000000","cents":0.00,"date":"1970-01-01","time":"00:00:00","at":-62135596800000,"micros":0,` +
			`"maybe":null,"number":null,"list":[],"repeated":[],"group":{"a":"","b":null,"c":[]},"groups":[],"map":{},"lists":[],"perhaps":null,"of":{}}`,
	})
}

// flat has a column for each encoding.
type flat struct {
	Plain    string   `parquet:"plain,plain"`
	Words    string   `parquet:"words,dict"`
	Deltas   int64    `parquet:"deltas,delta"`
	Small    int32    `parquet:"small,delta"`
	Joined   string   `parquet:"joined,delta"`
	Split    float64  `parquet:"split,split"`
	Truth    bool     `parquet:"truth"`
	Optional *int64   `parquet:"optional,optional,dict"`
	Tags     []string `parquet:"tags,list,dict"`
	Fixed    [5]byte  `parquet:"fixed"`
}

func flats(n int) (all []flat, want []string) {
	random := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		r := flat{
			Plain: strings.Repeat("p", random.IntN(40)), Words: fmt.Sprint("word ", random.IntN(50)), Deltas: random.Int64() - random.Int64(),
			Small: random.Int32() - random.Int32(), Joined: fmt.Sprintf("prefix/%04d/%d", i/100, i), Split: float64(random.IntN(1000)) / 8, Truth: random.IntN(3) == 0,
			Tags: []string{}, Fixed: [5]byte{'a', 'b', 'c', 'd', byte('e' + i%10)},
		}
		optional := "null"
		if random.IntN(2) == 0 {
			v := random.Int64N(100)
			r.Optional, optional = &v, fmt.Sprint(v)
		}
		for range random.IntN(4) {
			r.Tags = append(r.Tags, fmt.Sprint("tag", random.IntN(20)))
		}
		tags, _ := json.Marshal(r.Tags)
		fixed, _ := json.Marshal(r.Fixed[:])
		all = append(all, r)
		want = append(want, fmt.Sprintf(`{"plain":%q,"words":%q,"deltas":%d,"small":%d,"joined":%q,"split":%v,"truth":%v,"optional":%s,"tags":%s,"fixed":%s}`,
			r.Plain, r.Words, r.Deltas, r.Small, r.Joined, r.Split, r.Truth, optional, tags, fixed))
	}
	return all, want
}

// TestEncodings reads what the library writes: each encoding, compression and version of pages, in
// several row groups, and as many pages that parts end within and between them.
func TestEncodings(t *testing.T) {
	all, want := flats(900)
	for _, codec := range []compress.Codec{&library.Uncompressed, &library.Snappy, &library.Gzip, &library.Zstd} {
		for version := 1; version <= 2; version++ {
			for _, at := range []struct{ page, most, bytes int }{{1 << 20, 1000, 192 << 10}, {2000, 37, 192 << 10}, {700, 1000, 3000}} {
				t.Run(fmt.Sprint(codec, version, at), func(t *testing.T) {
					b := write(t, all, library.Compression(codec), library.DataPageVersion(version), library.PageBufferSize(at.page), library.MaxRowsPerRowGroup(400))
					got, err := rows(t, b, at.most, at.bytes)
					same(t, got, err, want)
				})
			}
		}
	}
}

// TestDuckDB reads a file that another implementation has written, DuckDB:
//
//	copy (select i::int as id, 'name '||(i%2) as name, case when i%3=0 then null else i::bigint*1000000007 end as big, (i%2=0) as flag,
//	  date '2024-01-01'+(i%365)::int as day, timestamp '2024-01-01 00:00:00'+interval (i) second as at, (i/100.0)::decimal(12,2) as amount,
//	  [i, i+1, null]::int[] as list, {'a': i, 'b': 'x'||i} as s, map {'k'||i: i} as m, uuid '00112233-4455-6677-8899-aabbccddeeff' as u,
//	  [{'p': [1,2,i]}, {'p': []::int[]}, null] as deep from range(0, 5) t(i)) to 'duckdb.parquet' (format parquet, compression zstd)
func TestDuckDB(t *testing.T) {
	b, err := os.ReadFile("testdata/duckdb.parquet")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range 5 {
		big := "null"
		if i%3 != 0 {
			big = fmt.Sprint(i * 1_000_000_007)
		}
		want = append(want, fmt.Sprintf(`{"id":%[1]d,"name":"name %[2]d","big":%[3]s,"flag":%[4]v,"day":"2024-01-0%[5]d","at":170406720%[1]d000,"amount":0.0%[1]d,"list":[%[1]d,%[5]d,null],`+
			`"s":{"a":%[1]d,"b":"x%[1]d"},"m":{"k%[1]d":%[1]d},"u":"00112233-4455-6677-8899-aabbccddeeff","deep":[{"p":[1,2,%[1]d]},{"p":[]},null]}`, i, i%2, big, i%2 == 0, i+1))
	}
	got, err := rows(t, b, 2, 1<<20)
	same(t, got, err, want)
}

// TestRefused opens what is no Parquet file, or one that may not be.
func TestRefused(t *testing.T) {
	all, _ := flats(100)
	good := write(t, all)
	footer := func(end string) []byte {
		b := bytes.Clone(good)
		return append(b[:len(b)-len(end)], end...)
	}
	wide := map[string]library.Node{}
	for i := range 1001 {
		wide[fmt.Sprint("column", i)] = library.Int(32)
	}
	var schema bytes.Buffer
	w := library.NewWriter(&schema, library.NewSchema("wide", library.Group(wide)))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		b    []byte
		want string
	}{
		{"nothing", nil, "is no Parquet file"},
		{"text", []byte(strings.Repeat("text ", 100)), "is no Parquet file"},
		{"encrypted", footer("PARE"), "is encrypted"},
		{"large footer", footer("\x01\x00\x50\x00PAR1"), "may have 5242880 at most"},
		{"larger than the file", footer("\x00\x00\x10\x00PAR1"), "larger than the file"},
		{"brotli", write(t, all, library.Compression(&library.Brotli)), "compressed by BROTLI"},
		{"columns", schema.Bytes(), "more than 1000 columns"},
		{"cut", good[:len(good)-10], "is no Parquet file"},
		{"shifted", append(bytes.Clone(good[:4]), good[len(good)/2:]...), "is not within the file"},
		{"large row", write(t, []flat{{Tags: strings.Split(strings.Repeat("tag,", 400_000), ",")}}), "or too many values"},
	} {
		_, err := rows(t, c.b, 10, 1<<20)
		if e, ok := errors.AsType[*parquet.Error](err); !ok || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v (%v), want that it %s", c.name, err, e, c.want)
		}
	}
}

// allocated is how many bytes a function makes.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestMemory reads large files: what it makes does not grow with them, and what it reads of them
// is not many times what they have.
func TestMemory(t *testing.T) {
	type row struct {
		N    int64  `parquet:"n,delta"`
		Text string `parquet:"text"`
	}
	part := func(n int) (made uint64, read, size int64) {
		all := make([]row, n)
		for i := range all {
			all[i] = row{int64(i), fmt.Sprintf("%080d", i*7919)}
		}
		f := &file{b: write(t, all, library.PageBufferSize(64<<10))}
		made = allocated(func() {
			open, err := parquet.Open(t.Context(), f, int64(len(f.b)), nil)
			if err != nil {
				t.Fatal(err)
			}
			some, _, err := open.Rows(t.Context(), parquet.Place{}, 1000, 192<<10, 1<<20)
			if err != nil || len(some) != 1000 {
				t.Fatal(len(some), err)
			}
		})
		return made, f.read, int64(len(f.b))
	}
	small, _, _ := part(20_000)
	large, read, size := part(200_000)
	if size < 15<<20 || large > 2*small || read > 6<<20 {
		t.Errorf("1000 rows make %d bytes of a small file, %d of one with %d bytes, of which %d are read", small, large, size, read)
	}
}

// FuzzRows reads what may be a file: what comes are JSON texts, or an Error, and no more memory is
// made than a file of the size may need.
func FuzzRows(f *testing.F) {
	t := new(testing.T)
	all, _ := flats(20)
	for _, codec := range []compress.Codec{&library.Uncompressed, &library.Snappy, &library.Gzip, &library.Zstd} {
		f.Add(write(t, all, library.Compression(codec), library.DataPageVersion(1)))
		f.Add(write(t, all, library.Compression(codec), library.DataPageVersion(2), library.PageBufferSize(100)))
	}
	f.Add(write(t, []kinds{{List: []string{"x"}, Lists: [][]int64{{1}, {}}, Map: map[string]int64{"k": 1}, Of: map[string]*inner{"m": {C: []int64{2}}}}}))
	if b, err := os.ReadFile("testdata/duckdb.parquet"); err == nil {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var got []string
		var err error
		made := allocated(func() {
			file, failed := parquet.Open(context.Background(), &file{b: b}, int64(len(b)), nil)
			if err = failed; err == nil {
				got, _, err = file.Rows(context.Background(), parquet.Place{}, 1000, 192<<10, 1<<20)
			}
		})
		if made > 512<<20 {
			t.Errorf("%d bytes of memory for %d", made, len(b))
		}
		if _, ok := errors.AsType[*parquet.Error](err); err != nil && !ok {
			t.Errorf("an error that is none of the file's: %v", err)
		}
		for _, row := range got {
			if !json.Valid([]byte(row)) {
				t.Errorf("no JSON: %s", row)
			}
		}
	})
}
