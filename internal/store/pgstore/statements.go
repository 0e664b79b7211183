package pgstore

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// statement is prepared on every connection.
type statement struct{ name, sql string }

// Names of statements.
const (
	fenceStatement         = "fence"
	putRowsStatement       = "put_rows"
	deleteRowsStatement    = "delete_rows"
	putEntriesStatement    = "put_entries"
	deleteEntriesStatement = "delete_entries"
	cutStatement           = "cut"     // a range of a shard
	cutRestStatement       = "cut_end" // one without an end
	getStatement           = "get"
)

// scanName is the name of the statement for a range.
func scanName(index, reverse, ends bool) string {
	name := "scan_rows"
	if index {
		name = "scan_entries"
	}
	if reverse {
		name += "_back"
	}
	if ends {
		name += "_to"
	}
	return name
}

// statementsOf are all statements, for the tables of a schema.
func statementsOf(schema string) []statement {
	all := []statement{
		// The count is the update's own: who looks afterwards takes a repeated sequence for
		// a written one.
		{fenceStatement, `with w as (
 update SCHEMA.shards s set seq = f.seq, stamp = f.stamp
 from unnest($1::int4[], $2::int8[], $3::int8[], $4::int8[]) as f(shard, epoch, seq, stamp)
 where s.shard = f.shard and s.epoch = f.epoch and s.seq = f.seq - 1 and s.member = $5::text returning 1)
select 1 / (case when (select count(*) from w) = $6::int8 then 1 else 0 end)`},
		{putRowsStatement, `insert into SCHEMA.rows select * from unnest($1::int4[], $2::bytea[], $3::bytea[])
 on conflict (shard, key) do update set value = excluded.value`},
		{deleteRowsStatement, `delete from SCHEMA.rows r using unnest($1::int4[], $2::bytea[]) as d(shard, key) where r.shard = d.shard and r.key = d.key`},
		{putEntriesStatement, `insert into SCHEMA.entries select * from unnest($1::bytea[], $2::bytea[])
 on conflict (key) do update set value = excluded.value`},
		{deleteEntriesStatement, `delete from SCHEMA.entries e using unnest($1::bytea[]) as d(key) where e.key = d.key`},
		{cutStatement, `delete from SCHEMA.rows where shard = $1::int4 and key >= $2::bytea and key < $3::bytea`},
		{cutRestStatement, `delete from SCHEMA.rows where shard = $1::int4 and key >= $2::bytea`},
		{getStatement, `select p.i, r.value from unnest($1::int4[], $2::bytea[]) with ordinality as p(shard, key, i)
 join SCHEMA.rows r on r.shard = p.shard and r.key = p.key
 union all
 select -p.i, e.value from unnest($3::bytea[]) with ordinality as p(key, i) join SCHEMA.entries e on e.key = p.key`},
	}
	for _, index := range []bool{false, true} {
		for _, reverse := range []bool{false, true} {
			for _, ends := range []bool{false, true} {
				all = append(all, statement{scanName(index, reverse, ends), scanSQL(index, reverse, ends)})
			}
		}
	}
	for i := range all {
		all[i].sql = strings.ReplaceAll(all[i].sql, "SCHEMA", quoted(schema))
	}
	return all
}

// scanSQL gives a page of a range: so many rows, and of those so many that all but the last
// have together fewer bytes than a bound.
func scanSQL(index, reverse, ends bool) string {
	table, where, order := "rows", "shard = $4::int4 and key >= $1::bytea", "key"
	if index {
		table, where = "entries", "key >= $1::bytea"
	}
	if ends {
		where += " and key < $END::bytea"
	}
	if reverse {
		order = "key desc"
	}
	end := "$5"
	if index {
		end = "$4"
	}
	return strings.ReplaceAll(fmt.Sprintf(`select key, value from (
 select key, value, sum(octet_length(value)) over (order by %[3]s rows unbounded preceding) - octet_length(value) as before
 from (select key, value from SCHEMA.%[1]s where %[2]s order by %[3]s limit $2::int8) as found) as page
 where before < $3::int8 order by %[3]s`, table, where, order), "$END", end)
}

// quoted is an identifier.
func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// Types of PostgreSQL.
const (
	byteaType = 17
	int8Type  = 20
	int4Type  = 23
)

// array is a parameter of several values, as PostgreSQL reads it in binary. It is
// begun by begin, and ended by end.
type array struct {
	bytes []byte
	n     uint32
}

const arrayHead = 20

func (a *array) begin(elementType uint32) {
	b := append(a.bytes[:0], make([]byte, arrayHead)...)
	binary.BigEndian.PutUint32(b, 1) // dimensions; no value is null
	binary.BigEndian.PutUint32(b[8:], elementType)
	binary.BigEndian.PutUint32(b[16:], 1) // the first index
	a.bytes, a.n = b, 0
}

func (a *array) bytea(v []byte) {
	a.bytes = append(binary.BigEndian.AppendUint32(a.bytes, uint32(len(v))), v...)
	a.n++
}

func (a *array) int4(v uint16) {
	a.bytes = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(a.bytes, 4), uint32(v))
	a.n++
}

func (a *array) int8(v uint64) {
	a.bytes = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(a.bytes, 8), v)
	a.n++
}

// end gives the parameter.
func (a *array) end() []byte {
	if a.n == 0 { // an empty array has no dimension
		binary.BigEndian.PutUint32(a.bytes, 0)
		return a.bytes[:12]
	}
	binary.BigEndian.PutUint32(a.bytes[12:], a.n)
	return a.bytes
}

func int4(v uint16) []byte  { return binary.BigEndian.AppendUint32(nil, uint32(v)) }
func int8Of(v int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(v)) }

// bytea is a parameter that is not null.
func bytea(v []byte) []byte {
	if v == nil {
		return []byte{}
	}
	return v
}

// binaries says that all parameters, or results, are binary.
var binaries = []int16{1}
