package pgstore

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"heddle/internal/blob"
)

// blobTables are made when the first blob comes. A blob's bytes are the parts of its draft, so a blob
// that is put again is another draft. Who reads the one before goes on: it stays for an hour, as a draft
// of nobody's. Other drafts are of members: those of who has gone are removed.
const blobTables = `
create table if not exists SCHEMA.blobs (id bytea primary key, draft bigint not null unique, size bigint not null, put bigint not null);
create table if not exists SCHEMA.blob_drafts (draft bigint primary key, member text not null, until timestamptz);
create table if not exists SCHEMA.blob_parts (draft bigint not null, part int not null, bytes bytea not null, primary key (draft, part));
alter table SCHEMA.blob_parts alter bytes set storage external`

// blobPartBytes is what a part has, but for the last of a blob.
const blobPartBytes = 1 << 20

// Shelf keeps blobs in the database; a blob.Shelf. All who share it may put, read and delete.
type Shelf struct {
	store *Store
	part  int // blobPartBytes, or less in tests
}

// OpenShelf gives the shelf, and makes it unless it is there. For who only reads it is nil then.
func (s *Store) OpenShelf(ctx context.Context) (*Shelf, error) {
	for attempt := 0; ; attempt++ {
		there := false
		err := s.reading(ctx, func(ctx context.Context) error {
			return s.read(ctx, func(ctx context.Context, c *conn) error {
				row, err := c.row(ctx, "select to_regclass($1) is not null", quoted(s.options.Schema)+".blob_parts")
				if err != nil {
					return err
				}
				if there = row[0] == "t"; there || s.options.ReadOnly {
					return nil
				}
				return c.run(ctx, strings.ReplaceAll(blobTables, "SCHEMA", quoted(s.options.Schema)))
			})
		})
		if said := (*pgconn.PgError)(nil); errors.As(err, &said) && attempt < createAttempts {
			switch said.Code {
			case "42P07", "23505", deadlockDetected, lockNotAvailable: // somebody else makes it
				continue
			}
		}
		if err != nil {
			return nil, fmt.Errorf("open the blobs in PostgreSQL: %w", explain(err))
		}
		if !there && s.options.ReadOnly {
			return nil, nil
		}
		return &Shelf{s, blobPartBytes}, nil
	}
}

// do sends one statement, which may be sent twice. What PostgreSQL warns of, such as that nobody
// waits for a standby any more, fails it.
func (s *Shelf) do(ctx context.Context, sql string, params ...[]byte) (result *pgconn.Result, err error) {
	sql = strings.ReplaceAll(sql, "SCHEMA", quoted(s.store.options.Schema))
	err = s.store.reading(ctx, func(ctx context.Context) error {
		return s.store.read(ctx, func(ctx context.Context, c *conn) error {
			c.warning = ""
			result = c.ExecParams(ctx, sql, params, nil, binaries, binaries).Read()
			if result.Err == nil && c.warning != "" {
				return fmt.Errorf("PostgreSQL warns: %s", c.warning)
			}
			return result.Err
		})
	})
	return result, err
}

// Begin is part of blob.Shelf.
func (s *Shelf) Begin(ctx context.Context) (blob.Draft, error) {
	var number [8]byte
	rand.Read(number[:])
	return &blobDraft{shelf: s, ctx: ctx, number: int64(binary.BigEndian.Uint64(number[:]) >> 1)}, nil
}

type blobDraft struct {
	shelf  *Shelf
	ctx    context.Context // of Begin
	number int64
	size   int64
	first  []byte // the first part, which stays here until the end: what says what the rest is stands in it
	last   []byte // the part that grows, if it is not the first
	parts  int32  // those before it that were sent
	sent   bool   // something was, so it has a row
	over   bool
}

func (d *blobDraft) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		into := &d.first
		if len(d.first) == d.shelf.part {
			into = &d.last
			if len(d.last) == d.shelf.part {
				if err := d.send(); err != nil {
					return n, err
				}
			}
		}
		some := min(d.shelf.part-len(*into), len(p))
		*into = append(*into, p[:some]...)
		n, p, d.size = n+some, p[some:], d.size+int64(some)
	}
	return n, nil
}

// send sends the part that is full.
func (d *blobDraft) send() error {
	if !d.sent {
		d.sent = true
		_, err := d.shelf.do(d.ctx, "insert into SCHEMA.blob_drafts select $1::int8, convert_from($2::bytea, 'UTF8') on conflict do nothing", int8Of(d.number), []byte(d.shelf.store.me()))
		if err != nil {
			return err
		}
	}
	_, err := d.shelf.do(d.ctx, "insert into SCHEMA.blob_parts values ($1::int8, $2::int4, $3::bytea) on conflict (draft, part) do update set bytes = excluded.bytes",
		int8Of(d.number), binary.BigEndian.AppendUint32(nil, uint32(d.parts+1)), d.last)
	if err != nil {
		return err
	}
	d.parts++
	d.last = d.last[:0]
	return nil
}

// WriteAt replaces what is in the first part.
func (d *blobDraft) WriteAt(p []byte, offset int64) (int, error) {
	if offset < 0 || offset+int64(len(p)) > int64(len(d.first)) {
		return 0, errors.ErrUnsupported
	}
	return copy(d.first[offset:], p), nil
}

// keepSQL makes a draft a blob, with its first part and the last. What the blob had before is removed, at
// once if it was read by one statement.
// A draft that has a row must still have it: else somebody took its owner for gone, and parts are missing.
// The insertion counts what was there, so that this is looked at, and locked, before.
const keepSQL = `with old as (select draft, size from SCHEMA.blobs where id = $1::bytea and draft <> $2::int8 for update),
 gone as (delete from SCHEMA.blob_parts p using old where p.draft = old.draft and old.size <= $9::int8),
 read as (insert into SCHEMA.blob_drafts select draft, '', clock_timestamp() + interval '1 hour' from old where size > $9::int8 on conflict do nothing),
 own as (delete from SCHEMA.blob_drafts where draft = $2::int8 returning draft),
 parts as (insert into SCHEMA.blob_parts select $2::int8, n.part, n.bytes from (values (0, $3::bytea), ($4::int4, $5::bytea)) as n (part, bytes)
  where n.bytes is not null on conflict (draft, part) do update set bytes = excluded.bytes)
insert into SCHEMA.blobs select $1::bytea, $2::int8, $6::int8, $7::int8 where ($8::int8 = 0 or exists (select from own)) and (select count(*) from old) >= 0
 on conflict (id) do update set draft = excluded.draft, size = excluded.size, put = excluded.put`

// Keep is part of blob.Draft.
func (d *blobDraft) Keep(ctx context.Context, id blob.ID, at time.Time) error {
	last, sent := d.last, int64(0)
	if len(last) == 0 {
		last = nil
	}
	if d.sent {
		sent = 1
	}
	result, err := d.shelf.do(ctx, keepSQL, id[:], int8Of(d.number), bytea(d.first), binary.BigEndian.AppendUint32(nil, uint32(d.parts+1)), last,
		int8Of(d.size), int8Of(at.UnixNano()), int8Of(sent), int8Of(int64(d.shelf.part)))
	if err != nil {
		return err
	}
	if result.CommandTag.RowsAffected() != 1 {
		return errors.New("this server was taken for gone, and what it had written with it; try again")
	}
	d.over = true
	return nil
}

// Discard is part of blob.Draft.
func (d *blobDraft) Discard() error {
	d.first, d.last = nil, nil
	if d.over || !d.sent {
		return nil
	}
	d.over = true
	ctx, cancel := d.shelf.store.options.Within(context.WithoutCancel(d.ctx), readWithin)
	defer cancel()
	_, err := d.shelf.do(ctx, `with own as (delete from SCHEMA.blob_drafts where draft = $1::int8 returning draft)
 delete from SCHEMA.blob_parts p using own where p.draft = own.draft`, int8Of(d.number))
	return err
}

// Open is part of blob.Shelf.
func (s *Shelf) Open(ctx context.Context, id blob.ID, offset int64) (io.ReadCloser, error) {
	r := &blobReader{shelf: s, ctx: ctx, part: int32(offset / int64(s.part))}
	result, err := s.do(ctx, `select b.draft, b.size, p.bytes from SCHEMA.blobs b left join SCHEMA.blob_parts p on p.draft = b.draft and p.part = $2::int4 where b.id = $1::bytea`,
		id[:], binary.BigEndian.AppendUint32(nil, uint32(r.part)))
	if err != nil {
		return nil, err
	}
	if len(result.Rows) == 0 {
		return nil, blob.ErrNotFound
	}
	row := result.Rows[0]
	r.draft, r.size, r.bytes = row[0], int64(binary.BigEndian.Uint64(row[1])), row[2]
	if within := offset % int64(s.part); offset < r.size {
		r.bytes = r.bytes[min(within, int64(len(r.bytes))):]
	} else {
		r.bytes, r.size = nil, 0
	}
	r.part++
	return r, nil
}

type blobReader struct {
	shelf *Shelf
	ctx   context.Context // of Open
	draft []byte
	size  int64
	part  int32 // the next one
	bytes []byte
}

func (r *blobReader) Read(p []byte) (int, error) {
	for len(r.bytes) == 0 {
		if err := r.ctx.Err(); err != nil {
			return 0, err
		}
		if int64(r.part)*int64(r.shelf.part) >= r.size {
			return 0, io.EOF
		}
		result, err := r.shelf.do(r.ctx, "select bytes from SCHEMA.blob_parts where draft = $1::int8 and part = $2::int4", r.draft, binary.BigEndian.AppendUint32(nil, uint32(r.part)))
		if err != nil {
			return 0, err
		}
		if len(result.Rows) == 0 || len(result.Rows[0][0]) == 0 {
			return 0, errors.New("it was put again or deleted while it was read")
		}
		r.bytes = result.Rows[0][0]
		r.part++
	}
	n := copy(p, r.bytes)
	r.bytes = r.bytes[n:]
	return n, nil
}

func (r *blobReader) Close() error { return nil }

func infoOf(row [][]byte) blob.Info {
	return blob.Info{ID: blob.ID(row[0]), Size: int64(binary.BigEndian.Uint64(row[1])), Put: time.Unix(0, int64(binary.BigEndian.Uint64(row[2]))).UTC()}
}

// Stat is part of blob.Shelf.
func (s *Shelf) Stat(ctx context.Context, id blob.ID) (blob.Info, error) {
	result, err := s.do(ctx, "select id, size, put from SCHEMA.blobs where id = $1::bytea", id[:])
	if err != nil {
		return blob.Info{}, err
	}
	if len(result.Rows) == 0 {
		return blob.Info{}, blob.ErrNotFound
	}
	return infoOf(result.Rows[0]), nil
}

// List is part of blob.Shelf.
func (s *Shelf) List(ctx context.Context, after blob.ID, visit func(blob.Info) bool) error {
	for {
		result, err := s.do(ctx, "select id, size, put from SCHEMA.blobs where id > $1::bytea order by id limit $2::int8", after[:], int8Of(int64(s.store.pageRows)))
		if err != nil {
			return err
		}
		for _, row := range result.Rows {
			info := infoOf(row)
			if after = info.ID; !visit(info) {
				return nil
			}
		}
		if len(result.Rows) < s.store.pageRows {
			return nil
		}
	}
}

const deleteBlobSQL = `with gone as (delete from SCHEMA.blobs where id = $1::bytea PUT returning draft)
 delete from SCHEMA.blob_parts p using gone where p.draft = gone.draft`

// Delete is part of blob.Shelf.
func (s *Shelf) Delete(ctx context.Context, id blob.ID) error {
	_, err := s.do(ctx, strings.Replace(deleteBlobSQL, "PUT", "", 1), id[:])
	return err
}

// DeleteAsSeen is part of blob.AsSeen.
func (s *Shelf) DeleteAsSeen(ctx context.Context, info blob.Info) error {
	_, err := s.do(ctx, strings.Replace(deleteBlobSQL, "PUT", "and put = $2::int8", 1), info.ID[:], int8Of(info.Put.UnixNano()))
	return err
}

// Tidy removes what members have left that are gone.
func (s *Shelf) Tidy(ctx context.Context) error {
	for _, sql := range []string{
		"delete from SCHEMA.blob_drafts where until < clock_timestamp() or until is null and member not in (select id from SCHEMA.members)",
		`delete from SCHEMA.blob_parts p where not exists (select from SCHEMA.blobs b where b.draft = p.draft) and not exists (select from SCHEMA.blob_drafts d where d.draft = p.draft)`,
	} {
		if _, err := s.do(ctx, sql); err != nil {
			return fmt.Errorf("remove unfinished blobs: %w", err)
		}
	}
	return nil
}
