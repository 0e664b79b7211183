package dataexchange

import (
	"context"
	"strings"

	"heddle/internal/aws/operation"
	"heddle/internal/dataexchange/catalog"
	"heddle/internal/dataexchange/resource"
	"heddle/internal/dataexchange/wire"
)

func (s *actions) assetRows() []operation.Operation {
	return []operation.Operation{
		row(s, "GetAsset", s.getAsset),
		row(s, "UpdateAsset", s.updateAsset),
		silent(s, "DeleteAsset", s.deleteAsset),
		row(s, "ListRevisionAssets", s.listRevisionAssets),
		row(s, "SendApiAsset", s.sendAPIAsset),
	}
}

// changeAsset gives a command about one asset to its revision, which is the caller's own.
// Errors: ResourceNotFoundException, ConflictException, ValidationException.
func (s *actions) changeAsset(ctx context.Context, set, revision string, body any, id string) (*catalog.Asset, error) {
	d, err := s.own(ctx, set)
	if err != nil {
		return nil, err
	}
	if _, err := d.describe(ctx, revision); err != nil {
		return nil, err
	}
	cmd, _ := catalog.Command(worldOf(ctx), catalog.KindRevision, revision, body)
	reply, err := s.Runs.Do(ctx, cmd)
	if err != nil {
		return nil, faultOf(err, kindAsset, id)
	}
	return reply.(*catalog.Asset), nil
}

// asset finds an asset of a data set, and that. Errors: ResourceNotFoundException.
func (s *actions) asset(ctx context.Context, set, revision, id string) (*dataSet, *catalog.Asset, error) {
	d, r, err := s.revision(ctx, set, revision)
	if err != nil {
		return nil, nil, err
	}
	a, err := d.findAsset(ctx, r, id)
	return d, a, err
}

func assetShape(d *dataSet, revision string, a *catalog.Asset) wire.AssetEntry {
	return wire.AssetEntry{
		ARN: d.arnOf(resource.Asset, a.ID, d.ID, revision), AssetDetails: wire.AssetDetails{S3SnapshotAsset: &wire.S3SnapshotAsset{Size: float64(a.Blob.Size)}},
		AssetType: wire.AssetTypeS3Snapshot, CreatedAt: wire.Timestamp(a.Created), DataSetID: d.ID, ID: a.ID, Name: a.Name, RevisionID: revision,
		SourceID: d.sourceOf(a.ID), UpdatedAt: wire.Timestamp(a.Updated),
	}
}

// getAsset serves GetAsset.
func (s *actions) getAsset(ctx context.Context, in *wire.GetAssetRequest) (*wire.GetAssetResponse, error) {
	d, a, err := s.asset(ctx, in.DataSetID, in.RevisionID, in.AssetID)
	if err != nil {
		return nil, err
	}
	e := assetShape(d, in.RevisionID, a)
	return &wire.GetAssetResponse{
		ARN: &e.ARN, AssetDetails: &e.AssetDetails, AssetType: &e.AssetType, CreatedAt: &e.CreatedAt, DataSetID: &e.DataSetID, ID: &e.ID, Name: &e.Name,
		RevisionID: &e.RevisionID, SourceID: e.SourceID, Tags: tagsShape(a.Tags), UpdatedAt: &e.UpdatedAt,
	}, nil
}

// updateAsset serves UpdateAsset.
func (s *actions) updateAsset(ctx context.Context, in *wire.UpdateAssetRequest) (*wire.UpdateAssetResponse, error) {
	if err := checkAssetName(in.Name); err != nil {
		return nil, err
	}
	a, err := s.changeAsset(ctx, in.DataSetID, in.RevisionID, &catalog.RenameAsset{ID: in.AssetID, Name: in.Name}, in.AssetID)
	if err != nil {
		return nil, err
	}
	own := &dataSet{DataSet: &catalog.DataSet{ID: in.DataSetID}, world: worldOf(ctx)}
	e := assetShape(own, in.RevisionID, a)
	return &wire.UpdateAssetResponse{
		ARN: &e.ARN, AssetDetails: &e.AssetDetails, AssetType: &e.AssetType, CreatedAt: &e.CreatedAt, DataSetID: &e.DataSetID, ID: &e.ID, Name: &e.Name,
		RevisionID: &e.RevisionID, UpdatedAt: &e.UpdatedAt,
	}, nil
}

// checkAssetName refuses a name that can't be the key of an object.
func checkAssetName(name string) error {
	if n := len(name); n == 0 || n > catalog.NameBytesMax {
		return invalid("The name of an asset must have 1 to %d bytes.", catalog.NameBytesMax)
	}
	return nil
}

// deleteAsset serves DeleteAsset.
func (s *actions) deleteAsset(ctx context.Context, in *wire.DeleteAssetRequest) error {
	_, err := s.changeAsset(ctx, in.DataSetID, in.RevisionID, &catalog.DeleteAsset{ID: in.AssetID}, in.AssetID)
	return err
}

// listRevisionAssets serves ListRevisionAssets: by name, the last first.
func (s *actions) listRevisionAssets(ctx context.Context, in *wire.ListRevisionAssetsRequest) (*wire.ListRevisionAssetsResponse, error) {
	d, r, err := s.revision(ctx, in.DataSetID, in.RevisionID)
	if err != nil {
		return nil, err
	}
	p := s.pages(ctx, "assets", in.DataSetID, in.RevisionID)
	after, err := p.after(in.NextToken)
	if err != nil {
		return nil, err
	}
	list := &catalog.ListAssets{Reverse: true, Limit: pageSize(in.MaxResults)}
	if after != nil {
		id, name, _ := strings.Cut(string(after), " ")
		list.After = &catalog.AssetKey{Name: name, ID: id}
	}
	page, err := d.assets(ctx, r, list)
	if err != nil {
		return nil, err
	}
	out := &wire.ListRevisionAssetsResponse{Assets: []wire.AssetEntry{}}
	for _, a := range page.Assets {
		out.Assets = append(out.Assets, assetShape(d, in.RevisionID, a))
	}
	if n := whole(out.Assets); n > 0 {
		last := page.Assets[n-1]
		out.Assets = out.Assets[:n]
		out.NextToken, err = p.next([]byte(last.ID+" "+last.Name), page.More || n < len(page.Assets))
	}
	return out, err
}

// sendAPIAsset serves SendApiAsset, which is not offered.
func (s *actions) sendAPIAsset(context.Context, *wire.SendApiAssetRequest) (*wire.SendApiAssetResponse, error) {
	return nil, invalid("SendApiAsset is not offered by this server.")
}
