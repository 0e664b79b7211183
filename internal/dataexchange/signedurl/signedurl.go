// Package signedurl has the URLs by which clients upload and download one asset without
// any other permission: those of the jobs IMPORT_ASSET_FROM_SIGNED_URL and
// EXPORT_ASSET_TO_SIGNED_URL (AWS Data Exchange User Guide). Where AWS gives URLs of S3,
// ours lead back to the server, and answer as S3's do.
//
// A URL is a sealed token, which says for which job it is, what may be done by it, and
// until when. Who has it may do that, so it belongs in no log.
package signedurl

import (
	"context"
	"crypto/md5"
	"crypto/subtle"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"heddle/internal/blob"
	"heddle/internal/dataexchange/transfer"
	"heddle/internal/engine"
	"heddle/internal/pack"
	"heddle/internal/token"
)

// Path begins the paths of all URLs.
const Path = "/_dx/"

// family is that of the tokens. Which world one is for stands in it, since a URL does not
// say so beside it.
const family token.Family = "dataexchange.url"

// Life is how long a URL is good.
const Life = time.Hour

// UploadBytesMax is how much an upload has at most: 5 GB, of which the manual does not say
// of which kind.
const UploadBytesMax = 5 << 30

// Link is what a URL says.
type Link struct {
	World   engine.World
	Job     string // as the caller names it
	Upload  bool   // PUT, else GET and HEAD
	Expires time.Time
}

func (l *Link) code(c *pack.Coder) {
	c.Text(&l.World.Account)
	c.Text(&l.World.Region)
	c.Text(&l.Job)
	c.Bool(&l.Upload)
	at := l.Expires.UnixMilli()
	c.Int(&at)
	l.Expires = time.UnixMilli(at).UTC()
}

// Make makes the URL of a link, on a server that clients reach at base, such as
// https://heddle.example:8233.
func Make(tokens *token.Sealer, base string, l Link) (string, error) {
	c := pack.Writing(nil)
	l.code(c)
	text, err := tokens.Seal(family, engine.World{}, c.Written())
	if err != nil {
		return "", fmt.Errorf("make a signed URL: %w", err)
	}
	return strings.TrimSuffix(base, "/") + Path + text, nil
}

func open(tokens *token.Sealer, text string) (l Link, ok bool) {
	payload, err := tokens.Open(family, engine.World{}, text)
	if err != nil {
		return Link{}, false
	}
	c := pack.Reading(payload)
	l.code(c)
	return l, c.Done() == nil
}

// ErrOver: the job takes no uploads any more, or is gone; for Jobs to tell.
var ErrOver = errors.New("the URL is not good any more")

// Jobs are what URLs are for.
type Jobs interface {
	// Expected is the MD5 that an upload must have. Errors: ErrOver.
	Expected(ctx context.Context, l Link) ([md5.Size]byte, error)
	// Uploaded hears of an upload that is there, and must refer to its blob; of several
	// the last counts. Errors: ErrOver.
	Uploaded(ctx context.Context, l Link, a transfer.Asset) error
	// Mismatched hears of one that had another MD5, of which nothing is kept. Errors:
	// ErrOver.
	Mismatched(ctx context.Context, l Link) error
	// Offered is the asset of a job that offers it. Errors: ErrOver.
	Offered(ctx context.Context, l Link) (transfer.Asset, error)
}

// Handler answers what comes to the URLs.
type Handler struct {
	Tokens *token.Sealer
	Blobs  transfer.Blobs
	Jobs   Jobs
	Now    func() time.Time
	// Failed hears of what went wrong on our side, for the log. The link names the job;
	// the URL is told to nobody.
	Failed func(l Link, err error)
	// Streams, if there is one, is told that a request's body or its answer is long, and
	// is read and written as it goes.
	Streams func(ctx context.Context)
}

// refusal is an answer in the form of S3's.
type refusal struct {
	status        int
	code, message string
}

var (
	denied     = &refusal{http.StatusForbidden, "AccessDenied", "Access Denied"}
	expired    = &refusal{http.StatusForbidden, "AccessDenied", "Request has expired"}
	noMethod   = &refusal{http.StatusMethodNotAllowed, "MethodNotAllowed", "The specified method is not allowed against this resource."}
	badDigest  = &refusal{http.StatusBadRequest, "BadDigest", "The Content-MD5 you specified did not match what we received."}
	noDigest   = &refusal{http.StatusBadRequest, "InvalidDigest", "The Content-MD5 you specified was invalid."}
	incomplete = &refusal{http.StatusBadRequest, "IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header."}
	tooLarge   = &refusal{http.StatusRequestEntityTooLarge, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size"}
	scarce     = &refusal{http.StatusServiceUnavailable, "SlowDown", "Please reduce your request rate."}
	internal   = &refusal{http.StatusInternalServerError, "InternalError", "We encountered an internal error. Please try again."}
)

func (f *refusal) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(f.status)
	_, _ = io.WriteString(w, xml.Header)
	_ = xml.NewEncoder(w).Encode(struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}{Code: f.code, Message: f.message})
}

// ServeHTTP implements http.Handler, for paths that begin with Path.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "private, no-store")
	w.Header().Set("Referrer-Policy", "no-referrer") // the URL is a secret
	text, found := strings.CutPrefix(r.URL.Path, Path)
	l, ok := open(h.Tokens, text)
	switch {
	case !found || !ok:
		denied.write(w)
	case !h.Now().Before(l.Expires):
		expired.write(w)
	case l.Upload && r.Method == http.MethodPut:
		if f := h.upload(w, r, l); f != nil {
			f.write(w)
		}
	case !l.Upload && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		h.download(w, r, l)
	default:
		if w.Header().Set("Allow", "GET, HEAD"); l.Upload {
			w.Header().Set("Allow", "PUT")
		}
		noMethod.write(w)
	}
}

// failed finds the answer to an error.
func (h *Handler) failed(r *http.Request, l Link, err error) *refusal {
	switch {
	case errors.Is(err, ErrOver):
		return expired
	case r.Context().Err() == nil: // else the client is gone
		h.Failed(l, err)
	}
	return internal
}

// upload takes an asset. Nil: it is there.
func (h *Handler) upload(w http.ResponseWriter, r *http.Request, l Link) *refusal {
	ctx := r.Context()
	want, err := h.Jobs.Expected(ctx, l)
	if err != nil {
		return h.failed(r, l, err)
	}
	if header := r.Header.Get("Content-MD5"); header != "" {
		said, err := base64.StdEncoding.Strict().DecodeString(header)
		if err != nil || len(said) != md5.Size {
			return noDigest
		}
		if subtle.ConstantTimeCompare(said, want[:]) == 0 {
			return h.mismatched(r, l)
		}
	}
	if r.ContentLength > UploadBytesMax {
		return tooLarge
	}
	if h.Streams != nil {
		h.Streams(ctx)
	}
	body := &body{from: http.MaxBytesReader(w, r.Body, UploadBytesMax)}
	a, err := transfer.Receive(ctx, body, want, r.Header.Get("Content-Type"), h.Blobs)
	large := (*http.MaxBytesError)(nil)
	switch {
	case errors.As(err, &large) || errors.Is(err, blob.ErrTooLarge):
		return tooLarge
	case errors.Is(err, transfer.ErrMD5):
		return h.mismatched(r, l)
	case errors.Is(err, blob.ErrScarce):
		return scarce
	case err != nil && body.err != nil:
		return incomplete // whoever sends has broken off
	case err != nil:
		return h.failed(r, l, err)
	}
	if err := h.Jobs.Uploaded(ctx, l, a); err != nil {
		return h.failed(r, l, err)
	}
	w.Header().Set("ETag", etag(&a))
	w.WriteHeader(http.StatusOK)
	return nil
}

// body remembers how reading a request ended.
type body struct {
	from io.Reader
	err  error
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.from.Read(p)
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}

func (h *Handler) mismatched(r *http.Request, l Link) *refusal {
	if err := h.Jobs.Mismatched(r.Context(), l); err != nil {
		return h.failed(r, l, err)
	}
	return badDigest
}

// etag is the MD5, as S3's often is; without one the name of the blob.
func etag(a *transfer.Asset) string {
	if a.MD5 == [md5.Size]byte{} {
		return `"` + a.Blob.ID.String() + `"`
	}
	return fmt.Sprintf(`"%x"`, a.MD5)
}

// download gives an asset: all, or a range of it.
func (h *Handler) download(w http.ResponseWriter, r *http.Request, l Link) {
	a, err := h.Jobs.Offered(r.Context(), l)
	if err != nil {
		h.failed(r, l, err).write(w)
		return
	}
	header := w.Header()
	header.Set("ETag", etag(&a))
	if header.Set("Content-Type", a.ContentType); a.ContentType == "" {
		header.Set("Content-Type", "application/octet-stream")
	}
	// It is a stranger's, on an address that is also the server's own.
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	header.Set("Content-Disposition", "attachment")
	if strings.Contains(r.Header.Get("Range"), ",") { // S3 knows one range at a time
		r = r.Clone(r.Context())
		r.Header.Del("Range")
	}
	if h.Streams != nil {
		h.Streams(r.Context())
	}
	b := &reader{ctx: r.Context(), blobs: h.Blobs, id: a.Blob.ID, size: a.Blob.Size}
	defer b.close()
	http.ServeContent(w, r, "", time.Time{}, b)
	if b.err != nil {
		// The answer is shorter than was said, and net/http breaks the connection for it.
		_ = h.failed(r, l, b.err)
	}
}

// reader is a blob for http.ServeContent.
type reader struct {
	ctx   context.Context
	blobs transfer.Blobs
	id    blob.ID
	size  int64
	at    int64
	r     io.ReadCloser // nil: not open
	err   error         // what went wrong
}

// Seek implements io.Seeker.
func (b *reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += b.at
	case io.SeekEnd:
		offset += b.size
	}
	if offset < 0 || offset > b.size {
		return 0, fmt.Errorf("seek to %d of %d", offset, b.size)
	}
	if offset != b.at {
		b.close()
	}
	b.at = offset
	return offset, nil
}

// Read implements io.Reader. The last bytes are given when the blob has ended well, since
// it may only then say that it is broken.
func (b *reader) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if b.at == b.size || len(p) == 0 {
		return 0, io.EOF
	}
	if b.r == nil {
		if b.r, b.err = b.blobs.Open(b.ctx, b.id, b.at); b.err != nil {
			return 0, b.err
		}
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.size-b.at)])
	b.at += int64(n)
	if b.at == b.size && err == nil {
		if _, err = io.ReadFull(b.r, make([]byte, 1)); err == nil {
			err = errors.New("a blob is longer than was said")
		}
	}
	switch {
	case err == io.EOF && b.at < b.size:
		b.err = io.ErrUnexpectedEOF
	case err != nil && err != io.EOF:
		b.err = err
	default:
		return n, nil
	}
	return 0, b.err
}

func (b *reader) close() {
	if b.r != nil {
		_ = b.r.Close() // reading has told what there is to tell
		b.r = nil
	}
}
