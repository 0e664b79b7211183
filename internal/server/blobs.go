package server

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"

	"heddle/internal/aws/s3client"
	"heddle/internal/blob"
	"heddle/internal/blob/dir"
	"heddle/internal/blob/s3"
	"heddle/internal/store"
	"heddle/internal/store/keys"
	"heddle/internal/store/pgstore"
)

// Blobs says where blobs are: what executions keep that is too large for their
// events. The zero value is a folder beside the store, or memory if the store is there.
type Blobs struct {
	Bucket    string `name:"blob-bucket" env:"HEDDLE_BLOB_BUCKET" placeholder:"NAME" group:"Blobs" help:"Bucket of S3, or of what speaks its protocol, for what executions keep that is too large for events. Without it DATA/blobs, or the database with --store postgres. Credentials come from where AWS's SDKs look for them."`
	Prefix    string `name:"blob-prefix" env:"HEDDLE_BLOB_PREFIX" placeholder:"PREFIX/" group:"Blobs" help:"What the names in the bucket begin with; a part that is the store's own comes after it."`
	Endpoint  string `name:"blob-endpoint" env:"HEDDLE_BLOB_ENDPOINT" placeholder:"URL" group:"Blobs" help:"Where the bucket is, if not at AWS."`
	Region    string `name:"blob-region" default:"us-east-1" env:"HEDDLE_BLOB_REGION" group:"Blobs" help:"Region of the bucket, that requests are signed for."`
	PathStyle bool   `name:"blob-path-style" env:"HEDDLE_BLOB_PATH_STYLE" group:"Blobs" help:"The bucket is in the path of URLs, not in the host's name. Most services but AWS want it."`
}

// BlobDir is where a data folder has blobs.
func BlobDir(data string) string { return filepath.Join(data, "blobs") }

// spoolDir is where what goes to a bucket is while it is being written.
func spoolDir(data string) string { return filepath.Join(data, "blob-spool") }

const (
	// blobBytesMax is how large a blob is at most that rules ask for.
	blobBytesMax = 4 << 20
	// blobDatabaseMax is how large one is at most in a database, whose log and backups have it too.
	blobDatabaseMax = 1 << 30
	// tidyTime is how long a start waits at most for a bucket.
	tidyTime = 10 * time.Second
)

// check refuses what can't be. It calls nobody.
func (b *Blobs) check(inMemory bool) error {
	var errs []error
	switch {
	case b.Bucket == "" && (b.Prefix != "" || b.Endpoint != "" || b.PathStyle):
		errs = append(errs, errors.New("--blob-prefix, --blob-endpoint and --blob-path-style: want a --blob-bucket too"))
	case b.Bucket != "" && inMemory:
		errs = append(errs, errors.New("--blob-bucket: want a store on disk; one in memory forgets what it has in the bucket"))
	}
	if p := b.Prefix; p != "" && (!strings.HasSuffix(p, "/") || strings.HasPrefix(p, "/")) {
		errs = append(errs, fmt.Errorf("--blob-prefix %q: want it to end with a slash, and not to begin with one", p))
	}
	if b.Endpoint != "" {
		if err := s3client.CheckEndpoint(b.Endpoint); err != nil {
			errs = append(errs, fmt.Errorf("--blob-endpoint: %w", err))
		}
	}
	return errors.Join(errs...)
}

// blobKeys are two keys that the store holds: one names blobs, the other seals them.
// They never change, since the blobs stay as they are; rekeying seals the keys anew.
type blobKeys struct{ id, data [32]byte }

// digits are the store's own part of the names of its blobs' places. So two servers
// with one bucket don't sweep each other's blobs, nor does a store those that another
// one has left in the folder.
func (k *blobKeys) digits() string {
	b, err := hkdf.Key(sha256.New, k.id[:], nil, "heddle blob prefix", 8)
	if err != nil {
		panic(fmt.Sprintf("server: HKDF: %v", err))
	}
	return hex.EncodeToString(b)
}

// folder is where a data folder has the blobs of these keys.
func (k *blobKeys) folder(data string) string { return filepath.Join(BlobDir(data), k.digits()) }

// bucket reaches a store's blobs in their bucket. It calls nobody yet, unless to learn
// credentials.
func (b *Blobs) bucket(ctx context.Context, k *blobKeys, log *slog.Logger, o s3.Options) (*s3.Shelf, error) {
	return b.bucketOf(ctx, k.digits(), log, o)
}

// bucketOf is bucket, for who has the digits alone.
func (b *Blobs) bucketOf(ctx context.Context, digits string, log *slog.Logger, o s3.Options) (*s3.Shelf, error) {
	o.Bucket, o.Endpoint, o.Region, o.PathStyle = b.Bucket, b.Endpoint, b.Region, b.PathStyle
	o.Prefix = b.Prefix + digits + "/"
	aws, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithRegion(b.Region), awsconfig.WithLogger(logging.Nop{}))
	if err != nil {
		return nil, fmt.Errorf("find credentials for bucket %q: %w", b.Bucket, err)
	}
	o.Credentials, o.Within = aws.Credentials, context.WithTimeout
	log.Info("blobs are in a bucket", "bucket", o.Bucket, "prefix", o.Prefix)
	return s3.New(o)
}

// blobs are those of a running server. Nothing is made for them before the first is
// put: a store without blobs has no keys for them, and no folder.
type blobs struct {
	cfg    *Config
	meta   store.Meta
	now    func() time.Time
	scarce func() bool // there is little room on the disk
	// database has the blobs; nil: a folder or a bucket has them.
	database *pgstore.Store

	library atomic.Pointer[blob.Library] // nil: no blob was ever put

	mu     sync.Mutex
	bucket *s3.Shelf // nil: none
	lock   io.Closer // of the folder; nil: none
	closed bool
}

// openBlobs opens what there is.
func (s *Server) openBlobs(ctx context.Context) error {
	s.blobs = &blobs{
		cfg: &s.cfg, meta: s.store.Meta(),
		now:    func() time.Time { return time.UnixMilli(int64(s.clock.Now())) },
		scarce: s.scarce,
	}
	if s.cfg.Blobs.Bucket == "" {
		s.blobs.database = s.postgres
	}
	if !s.cfg.mayHaveBlobs() {
		return nil
	}
	_, err := s.blobs.open(ctx)
	return err
}

// mayHaveBlobs tells whether there may be blobs of an earlier life.
func (c *Config) mayHaveBlobs() bool {
	if c.Blobs.Bucket != "" || c.Store == StorePostgres { // where other servers may have put some
		return true
	}
	stat := os.Stat
	if c.blobFiles != nil {
		stat = c.blobFiles.Stat
	}
	_, err := stat(BlobDir(c.Data))
	return !errors.Is(err, fs.ErrNotExist)
}

var errBlobsClosed = errors.New("blobs: the server stops")

// open gives the library, and makes what it needs.
func (b *blobs) open(ctx context.Context) (*blob.Library, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, errBlobsClosed
	}
	if l := b.library.Load(); l != nil {
		return l, nil
	}
	var k blobKeys
	var err error
	if k.id, err = storeKey(ctx, b.meta, blobIDKeyName); err != nil {
		return nil, err
	}
	if k.data, err = storeKey(ctx, b.meta, blobDataKeyName); err != nil {
		return nil, err
	}
	shelf, err := b.shelf(ctx, &k)
	if err != nil {
		return nil, err
	}
	l := blob.New(blob.Options{Shelf: shelf, Key: k.id, Now: b.now})
	b.library.Store(l)
	return l, nil
}

// shelf opens where the blobs are. They are sealed also if the store is not; then
// their key lies open in it, and rekeying can seal both without writing them anew.
func (b *blobs) shelf(ctx context.Context, k *blobKeys) (blob.Shelf, error) {
	cfg := b.cfg
	switch {
	case cfg.shared != nil:
		return cfg.shared.blobs, nil
	case cfg.Store == StoreMemory:
		return new(blob.Memory), nil
	case cfg.Blobs.Bucket != "":
		bucket, err := cfg.Blobs.bucket(ctx, k, cfg.Log, s3.Options{Spool: spoolDir(cfg.Data), Shared: cfg.Cluster.on()})
		if err != nil {
			return nil, err
		}
		b.tidy(ctx, bucket)
		b.bucket = bucket
		return blob.Seal(bucket, k.data), nil
	case b.database != nil:
		shelf, err := b.database.OpenShelf(ctx)
		if err != nil {
			return nil, err
		}
		if err := b.move(ctx, k, shelf); err != nil {
			return nil, err
		}
		return blob.Seal(shelf, k.data), nil
	}
	folder, err := dir.Open(dir.Options{Dir: k.folder(cfg.Data), Files: cfg.blobFiles})
	if err != nil {
		return nil, err
	}
	b.lock = folder
	return blob.Seal(folder, k.data), nil
}

// move moves the blobs that a data folder has from before into the database, as they are. One that
// is cut off goes on at the next start.
func (b *blobs) move(ctx context.Context, k *blobKeys, to *pgstore.Shelf) (err error) {
	path := k.folder(b.cfg.Data)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("move the blobs in %q to the database: %w", path, err)
		}
	}()
	folder, err := dir.Open(dir.Options{Dir: path, Files: b.cfg.blobFiles})
	if err != nil {
		return err
	}
	moved, all := 0, []blob.Info(nil)
	err = folder.List(ctx, blob.ID{}, func(info blob.Info) bool {
		all = append(all, info)
		return true
	})
	for i := 0; i < len(all) && err == nil; i++ {
		if err = moveBlob(ctx, folder, to, all[i]); err == nil {
			err = folder.Delete(ctx, all[i].ID)
			moved++
		}
	}
	if err = errors.Join(err, folder.Close()); err != nil {
		return err
	}
	if moved > 0 {
		b.cfg.Log.Info("moved the blobs of the data folder to the database", "blobs", moved, "folder", path)
	}
	return os.RemoveAll(path)
}

func moveBlob(ctx context.Context, from, to blob.Shelf, info blob.Info) (err error) {
	r, err := from.Open(ctx, info.ID, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	draft, err := to.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, draft.Discard()) }()
	if _, err := io.Copy(draft, r); err != nil {
		return err
	}
	return draft.Keep(ctx, info.ID, info.Put)
}

// tidy removes what a crash has left in a bucket. A bucket that does not answer keeps
// no server from starting: executions without blobs go on.
func (b *blobs) tidy(ctx context.Context, bucket *s3.Shelf) {
	bounded, cancel := context.WithTimeout(ctx, tidyTime)
	defer cancel()
	if err := bucket.Tidy(bounded, b.now()); err != nil && ctx.Err() == nil {
		b.cfg.Log.Error("the bucket of the blobs can't be used; the server starts nevertheless", "bucket", b.cfg.Blobs.Bucket, "cause", err)
	}
}

// Put keeps a blob; see blob.Store. Who refers to it must do so soon: what nobody
// refers to is swept. Errors: blob.ErrScarce, of what is larger than rules ask for.
func (b *blobs) Put(ctx context.Context, r io.Reader) (blob.Ref, error) {
	l, err := b.open(ctx)
	if err != nil {
		return blob.Ref{}, err
	}
	asks := &asking{from: r, scarce: b.scarce, next: blobBytesMax}
	if b.database != nil {
		asks.most = blobDatabaseMax
	}
	return l.Put(ctx, asks)
}

// askEvery is after how many bytes of a large blob it is asked whether there still is room.
const askEvery = 8 << 20

// asking reads what is to be kept, and asks as it grows whether there still is room: a blob
// may have more bytes than were free when it began. What an execution under way needs is
// smaller.
type asking struct {
	from   io.Reader
	scarce func() bool
	read   int64
	next   int64 // when it asks
	most   int64 // bytes; 0: any number
}

func (a *asking) Read(p []byte) (int, error) {
	if a.most > 0 && a.read > a.most {
		return 0, fmt.Errorf("in the database one has at most %d bytes; give a --blob-bucket for larger ones: %w", a.most, blob.ErrTooLarge)
	}
	if a.read > a.next {
		if a.scarce() {
			return 0, blob.ErrScarce
		}
		a.next = a.read + askEvery
	}
	n, err := a.from.Read(p)
	a.read += int64(n)
	return n, err
}

// Read gives a whole blob, to rules that want it and to services.
func (b *blobs) Read(ctx context.Context, id blob.ID) ([]byte, error) {
	l := b.library.Load()
	if l == nil {
		return nil, fmt.Errorf("read blob %s: %w", id, blob.ErrNotFound)
	}
	return blob.ReadAll(ctx, l, id, blobBytesMax)
}

// Open reads a blob from an offset on, for who need not have all of it in memory.
func (b *blobs) Open(ctx context.Context, id blob.ID, offset int64) (io.ReadCloser, error) {
	l := b.library.Load()
	if l == nil {
		return nil, fmt.Errorf("read blob %s: %w", id, blob.ErrNotFound)
	}
	return l.Open(ctx, id, offset)
}

// close lets others at the blobs.
func (b *blobs) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed = true; b.lock == nil {
		return nil
	}
	return b.lock.Close()
}

// references asks the index of a store who refers to a blob.
type references struct{ store.View }

// Referenced implements blob.References.
func (r references) Referenced(ctx context.Context, id blob.ID) (found bool, err error) {
	_, found, err = r.first(ctx, id)
	return found, err
}

// first is a run that refers to a blob.
func (r references) first(ctx context.Context, id blob.ID) (run [keys.RunSize]byte, found bool, err error) {
	prefix := keys.AppendBlobIndexPrefix(nil, id)
	err = r.ScanIndex(ctx, store.Range{Start: prefix, End: keys.End(prefix), Limit: 1}, func(key, _ []byte) bool {
		if len(key) == keys.BlobIndexSize {
			_, run = keys.BlobReferrer(key)
		}
		found = true
		return false
	})
	return run, found, err
}

// all gives all that is referred to, in order.
func (r references) all(ctx context.Context) iter.Seq2[blob.ID, error] {
	return func(yield func(blob.ID, error) bool) {
		prefix, goesOn := []byte{keys.BlobIndex}, true
		err := r.ScanIndex(ctx, store.Range{Start: prefix, End: keys.End(prefix)}, func(key, _ []byte) bool {
			if len(key) == keys.BlobIndexSize { // of others the check of the index tells
				id, _ := keys.BlobReferrer(key)
				goesOn = yield(id, nil)
			}
			return goesOn
		})
		if err != nil && goesOn {
			yield(blob.ID{}, err)
		}
	}
}

// When blobs are swept: not while a server that starts has other things to do.
const (
	sweepFirst = 10 * time.Minute
	sweepEvery = time.Hour
)

// runSweeps deletes blobs that nobody refers to.
func (s *Server) runSweeps(ctx context.Context) {
	w := &sweeps{blobs: s.blobs, references: references{s.store}, log: s.cfg.Log, held: s.checkpoints.held}
	if s.cluster != nil {
		w.mine = func() bool { return s.cluster.Has(0) }
	}
	timer := time.NewTimer(sweepFirst)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		w.sweep(ctx)
		timer.Reset(sweepEvery)
	}
}

type sweeps struct {
	blobs      *blobs
	references blob.References
	log        *slog.Logger
	held       func() bool   // somebody copies them; nil: nobody ever does
	mine       func() bool   // this server is the one of several that sweeps; nil: it is alone
	sweeper    *blob.Sweeper // nil: nothing was swept yet
	failing    bool          // and said so
	exact      bool          // the bucket of several servers deletes only as seen
	inexact    bool          // it does not, and that was said
}

func (w *sweeps) sweep(ctx context.Context) {
	l := w.blobs.library.Load()
	if l == nil || w.held != nil && w.held() || w.mine != nil && !w.mine() {
		return
	}
	if b := w.blobs.bucketNow(); b != nil && w.mine != nil && !w.maySweep(ctx, b) {
		return
	}
	if d := w.blobs.database; d != nil {
		if err := w.tidyDatabase(ctx, d); err != nil && ctx.Err() == nil {
			w.log.Warn("what unfinished blobs have left in the database stays until the next sweep", "cause", err)
		}
	}
	if w.sweeper == nil {
		w.sweeper = &blob.Sweeper{Library: l, References: ownReferences{w.references, w.mine}}
	}
	swept, err := w.sweeper.Sweep(ctx, w.blobs.now())
	if ctx.Err() != nil || errors.Is(err, errSweptElsewhere) {
		return
	}
	if swept.Deleted > 0 {
		w.log.Info("deleted blobs that nothing refers to", "deleted", swept.Deleted, "deleted_bytes", swept.DeletedBytes,
			"waiting", swept.Waiting, "left", swept.Blobs-swept.Deleted)
	}
	switch {
	case err != nil && !w.failing:
		w.log.Error("blobs can't be swept; it is tried again each hour, and said when it succeeds", "failures", swept.Failures, "cause", err)
	case err == nil && w.failing:
		w.log.Info("blobs are swept again")
	}
	w.failing = err != nil
}

func (w *sweeps) tidyDatabase(ctx context.Context, d *pgstore.Store) error {
	shelf, err := d.OpenShelf(ctx)
	if err != nil {
		return err
	}
	return shelf.Tidy(ctx)
}

// maySweep tells whether a bucket of several servers can be swept: it must refuse to delete what another one has
// put meanwhile. It removes what those have left that ended.
func (w *sweeps) maySweep(ctx context.Context, b *s3.Shelf) bool {
	err := b.Tidy(ctx, w.blobs.now())
	if err == nil && !w.exact {
		w.exact, err = b.DeletesAsSeen(ctx)
	}
	switch {
	case ctx.Err() != nil:
	case err != nil:
		w.log.Warn("the blobs in the bucket are not swept; it is tried again each hour", "cause", err)
	case !w.exact && !w.inexact:
		w.inexact = true
		w.log.Warn("the bucket does not compare before it deletes (If-Match), so what nothing refers to stays there", "bucket", w.blobs.cfg.Blobs.Bucket)
	}
	return w.exact && err == nil
}

// errSweptElsewhere: another server has taken the sweeping over.
var errSweptElsewhere = errors.New("another server sweeps")

// ownReferences are asked only by the server that sweeps, before each deletion.
type ownReferences struct {
	blob.References
	mine func() bool // nil: it is alone
}

// Referenced implements blob.References.
func (r ownReferences) Referenced(ctx context.Context, id blob.ID) (bool, error) {
	if r.mine != nil && !r.mine() {
		return false, errSweptElsewhere
	}
	return r.References.Referenced(ctx, id)
}

// bucketNow is the bucket that was opened; nil: there is none.
func (b *blobs) bucketNow() *s3.Shelf {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bucket
}
