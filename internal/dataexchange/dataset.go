package dataexchange

import (
	"context"
	"unicode/utf8"

	"heddle/internal/aws/operation"
	"heddle/internal/dataexchange/catalog"
	"heddle/internal/dataexchange/resource"
	"heddle/internal/dataexchange/wire"
	"heddle/internal/engine"
)

func (s *actions) dataSetRows() []operation.Operation {
	return []operation.Operation{
		row(s, "CreateDataSet", s.createDataSet, largeBody),
		row(s, "GetDataSet", s.getDataSet),
		row(s, "UpdateDataSet", s.updateDataSet, largeBody),
		silent(s, "DeleteDataSet", s.deleteDataSet),
		row(s, "ListDataSets", s.listDataSets),
		row(s, "SendDataSetNotification", s.sendDataSetNotification, largeBody),
	}
}

// How long texts are, in characters.
//
// Source: Data Exchange User Guide, "Service quotas".
const (
	nameMax        = 256
	descriptionMax = 16384
)

// checkText refuses a text that is empty, or too long.
func checkText(member, text string, most int) error {
	if n := utf8.RuneCountInString(text); n == 0 || n > most {
		return invalid("%s must have 1 to %d characters.", member, most)
	}
	return nil
}

// createDataSet serves CreateDataSet.
func (s *actions) createDataSet(ctx context.Context, in *wire.CreateDataSetRequest) (*wire.CreateDataSetResponse, error) {
	if in.AssetType != wire.AssetTypeS3Snapshot {
		return nil, invalid("Data sets of type %s are not offered by this server: only S3_SNAPSHOT.", in.AssetType)
	}
	if err := checkText("Name", in.Name, nameMax); err != nil {
		return nil, err
	}
	if err := checkText("Description", in.Description, descriptionMax); err != nil {
		return nil, err
	}
	w, seed := worldOf(ctx), s.RootSeed()
	create := catalog.CreateDataSet{Name: in.Name, Description: in.Description, Tags: tagsOf(in.Tags)}
	reply, err := s.create(ctx, catalog.AccountCommand(w, &catalog.AddDataSet{Seed: seed, Create: create}), catalog.CreateCommand(w, catalog.KindDataSet, seed, &create))
	if err != nil {
		return nil, faultOf(err, catalog.KindDataSet, "")
	}
	return dataSetShape(w, reply.(*catalog.DataSet)), nil
}

func dataSetShape(w engine.World, d *catalog.DataSet) *wire.CreateDataSetResponse {
	return &wire.CreateDataSetResponse{
		ARN: new(name(w, resource.DataSet, d.ID)), AssetType: new(wire.AssetTypeS3Snapshot), CreatedAt: moment(d.Created), Description: &d.Description,
		ID: &d.ID, Name: &d.Name, Origin: new(wire.OriginOwned), Tags: tagsShape(d.Tags), UpdatedAt: moment(d.Updated),
	}
}

// dataSet finds a data set. Errors: ResourceNotFoundException.
func (s *actions) dataSet(ctx context.Context, id string) (*catalog.DataSet, error) {
	reply, err := s.do(ctx, catalog.KindDataSet, id, &catalog.Describe{})
	if err != nil {
		return nil, err
	}
	return reply.(*catalog.DataSet), nil
}

// getDataSet serves GetDataSet.
func (s *actions) getDataSet(ctx context.Context, in *wire.GetDataSetRequest) (*wire.GetDataSetResponse, error) {
	d, err := s.dataSet(ctx, in.DataSetID)
	if err != nil {
		return nil, err
	}
	return (*wire.GetDataSetResponse)(dataSetShape(worldOf(ctx), d)), nil
}

// updateDataSet serves UpdateDataSet.
func (s *actions) updateDataSet(ctx context.Context, in *wire.UpdateDataSetRequest) (*wire.UpdateDataSetResponse, error) {
	if in.Name != nil {
		if err := checkText("Name", *in.Name, nameMax); err != nil {
			return nil, err
		}
	}
	if in.Description != nil {
		if err := checkText("Description", *in.Description, descriptionMax); err != nil {
			return nil, err
		}
	}
	reply, err := s.do(ctx, catalog.KindDataSet, in.DataSetID, &catalog.UpdateDataSet{Name: in.Name, Description: in.Description})
	if err != nil {
		return nil, err
	}
	d := dataSetShape(worldOf(ctx), reply.(*catalog.DataSet))
	return &wire.UpdateDataSetResponse{
		ARN: d.ARN, AssetType: d.AssetType, CreatedAt: d.CreatedAt, Description: d.Description, ID: d.ID, Name: d.Name, Origin: d.Origin, UpdatedAt: d.UpdatedAt,
	}, nil
}

// deleteDataSet serves DeleteDataSet. Its revisions and assets go with it.
func (s *actions) deleteDataSet(ctx context.Context, in *wire.DeleteDataSetRequest) error {
	if _, err := s.dataSet(ctx, in.DataSetID); err != nil {
		return err
	}
	busy, err := s.inProgress(ctx, &catalog.InProgress{DataSet: in.DataSetID})
	if err != nil {
		return err
	}
	if busy {
		return conflict(catalog.KindDataSet, in.DataSetID, "A job of the data set is in progress.")
	}
	_, err = s.do(ctx, catalog.KindDataSet, in.DataSetID, &catalog.Delete{})
	return err
}

// inProgress tells whether jobs are.
func (s *actions) inProgress(ctx context.Context, ask *catalog.InProgress) (bool, error) {
	reply, err := s.Runs.Do(ctx, catalog.AccountCommand(worldOf(ctx), ask))
	if isMissing(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return reply.(bool), nil
}

// listDataSets serves ListDataSets.
func (s *actions) listDataSets(ctx context.Context, in *wire.ListDataSetsRequest) (*wire.ListDataSetsResponse, error) {
	switch value(in.Origin) {
	case "", wire.OriginOwned:
	case wire.OriginEntitled: // nobody has granted any
		return &wire.ListDataSetsResponse{DataSets: []wire.DataSetEntry{}}, nil
	default:
		return nil, invalid("Origin must be OWNED or ENTITLED.")
	}
	w, p := worldOf(ctx), s.pages(ctx, "data sets", value(in.Origin))
	sets, next, err := listRuns(ctx, p, catalog.KindDataSet, catalog.ByOwner, "", in.MaxResults, in.NextToken, func(r *engine.RunView) (*wire.DataSetEntry, error) {
		d, whole, err := catalog.ReadDataSet(r)
		if err == nil && !whole {
			d, err = s.dataSet(ctx, d.ID)
		}
		if err != nil {
			return nil, err
		}
		return &wire.DataSetEntry{
			ARN: name(w, resource.DataSet, d.ID), AssetType: wire.AssetTypeS3Snapshot, CreatedAt: wire.Timestamp(d.Created), Description: d.Description,
			ID: d.ID, Name: d.Name, Origin: wire.OriginOwned, UpdatedAt: wire.Timestamp(d.Updated),
		}, nil
	})
	if err != nil {
		return nil, err
	}
	return &wire.ListDataSetsResponse{DataSets: sets, NextToken: next}, nil
}

// sendDataSetNotification serves SendDataSetNotification: AWS refuses it for data sets that
// are of no product, and here none is.
func (s *actions) sendDataSetNotification(ctx context.Context, in *wire.SendDataSetNotificationRequest) (*wire.SendDataSetNotificationResponse, error) {
	if _, err := s.dataSet(ctx, in.DataSetID); err != nil {
		return nil, err
	}
	return nil, invalid("Data set ID is not configured for AWS Marketplace.")
}
