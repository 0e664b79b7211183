package dataexchange

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"errors"
	"net/http"
	"time"

	"heddle/internal/aws/operation"
	"heddle/internal/dataexchange/catalog"
	"heddle/internal/dataexchange/signedurl"
	"heddle/internal/dataexchange/transfer"
	"heddle/internal/dataexchange/wire"
	"heddle/internal/listen"
)

// signedURL is where the bytes of a job's asset are put to, or had from.
func (s *actions) signedURL(ctx context.Context, j *catalog.Job) (*string, error) {
	base := s.options.PublicURL
	if base == "" {
		base = operation.BaseOf(ctx)
	}
	made, err := signedurl.Make(s.Tokens, base, signedurl.Link{
		World: worldOf(ctx), Job: j.ID, Upload: j.Order.Imports(), Expires: time.UnixMilli(int64(j.Expires)),
	})
	return &made, err
}

// urls answers what comes to signed URLs.
func (s *actions) urls() http.Handler {
	return &signedurl.Handler{
		Tokens: s.Tokens, Blobs: s.Blobs, Jobs: urlJobs{s}, Now: s.Now, Streams: listen.Streams,
		Failed: func(l signedurl.Link, err error) {
			s.Log.Error("a signed URL could not be served", "account", l.World.Account, "job", l.Job, "upload", l.Upload, "cause", err)
		},
	}
}

// urlJobs are the jobs that signed URLs are for.
type urlJobs struct{ *actions }

// do gives a command to the job of a link. Errors: signedurl.ErrOver.
func (u urlJobs) do(ctx context.Context, l signedurl.Link, body any) (any, error) {
	cmd, ok := catalog.Command(l.World, catalog.KindJob, l.Job, body)
	if !ok {
		return nil, signedurl.ErrOver
	}
	reply, err := u.Runs.Do(ctx, cmd)
	var (
		state *catalog.StateError
		gone  *catalog.MissingError
	)
	if isMissing(err) || errors.As(err, &state) || errors.As(err, &gone) {
		return nil, signedurl.ErrOver
	}
	return reply, err
}

// Expected implements signedurl.Jobs.
func (u urlJobs) Expected(ctx context.Context, l signedurl.Link) (sum [md5.Size]byte, err error) {
	reply, err := u.do(ctx, l, &catalog.Describe{})
	if err != nil {
		return sum, err
	}
	j := reply.(*catalog.Job)
	if j.State != wire.StateWaiting {
		return sum, signedurl.ErrOver
	}
	b, err := base64.StdEncoding.DecodeString(j.Order.MD5)
	copy(sum[:], b)
	return sum, err
}

// Uploaded implements signedurl.Jobs.
func (u urlJobs) Uploaded(ctx context.Context, l signedurl.Link, a transfer.Asset) error {
	_, err := u.do(ctx, l, &catalog.Uploaded{Asset: &catalog.Asset{Blob: a.Blob, MD5: a.MD5, ContentType: a.ContentType}})
	return err
}

// Mismatched implements signedurl.Jobs.
func (u urlJobs) Mismatched(ctx context.Context, l signedurl.Link) error {
	_, err := u.do(ctx, l, &catalog.Uploaded{})
	return err
}

// Offered implements signedurl.Jobs. What was revoked since is offered no more.
func (u urlJobs) Offered(ctx context.Context, l signedurl.Link) (transfer.Asset, error) {
	reply, err := u.do(ctx, l, &catalog.Describe{})
	if err != nil {
		return transfer.Asset{}, err
	}
	j := reply.(*catalog.Job)
	if j.State != wire.StateCompleted || j.Order.Type != wire.TypeExportAssetToSignedUrl {
		return transfer.Asset{}, signedurl.ErrOver
	}
	d, err := u.find(ctx, l.World, j.Order.DataSet)
	if err != nil {
		return transfer.Asset{}, over(err)
	}
	r, err := d.describe(ctx, j.Order.Revision)
	if err != nil {
		return transfer.Asset{}, over(err)
	}
	if r.RevokedAt != 0 {
		return transfer.Asset{}, signedurl.ErrOver
	}
	a, err := d.findAsset(ctx, r, j.Order.Asset)
	if err != nil {
		return transfer.Asset{}, over(err)
	}
	return transfer.Asset{Blob: a.Blob, MD5: a.MD5, ContentType: a.ContentType}, nil
}

// over says that what a link leads to is not there any more.
func over(err error) error {
	if isMissing(err) {
		return signedurl.ErrOver
	}
	return err
}
