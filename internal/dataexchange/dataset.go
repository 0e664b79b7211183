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
	return dataSetShape(&dataSet{DataSet: reply.(*catalog.DataSet), world: w}), nil
}

func dataSetShape(d *dataSet) *wire.CreateDataSetResponse {
	shape := &wire.CreateDataSetResponse{
		ARN: new(d.arnOf(resource.DataSet, d.ID)), AssetType: new(wire.AssetTypeS3Snapshot), CreatedAt: moment(d.Created), Description: &d.Description,
		ID: &d.ID, Name: &d.Name, Origin: new(wire.OriginOwned), Tags: tagsShape(d.Tags), UpdatedAt: moment(d.Updated),
	}
	if d.grant != nil {
		shape.Origin, shape.OriginDetails = new(wire.OriginEntitled), &wire.OriginDetails{DataGrantID: &d.grant.ID}
	}
	if d.isSenders() {
		shape.SourceID = &d.grant.Source
	}
	return shape
}

// getDataSet serves GetDataSet.
func (s *actions) getDataSet(ctx context.Context, in *wire.GetDataSetRequest) (*wire.GetDataSetResponse, error) {
	d, err := s.dataSet(ctx, in.DataSetID)
	if err != nil {
		return nil, err
	}
	return (*wire.GetDataSetResponse)(dataSetShape(d)), nil
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
	own, err := s.own(ctx, in.DataSetID)
	if err != nil {
		return nil, err
	}
	reply, err := s.do(ctx, catalog.KindDataSet, in.DataSetID, &catalog.UpdateDataSet{Name: in.Name, Description: in.Description})
	if err != nil {
		return nil, err
	}
	d := dataSetShape(&dataSet{DataSet: reply.(*catalog.DataSet), world: own.world})
	return &wire.UpdateDataSetResponse{
		ARN: d.ARN, AssetType: d.AssetType, CreatedAt: d.CreatedAt, Description: d.Description, ID: d.ID, Name: d.Name, Origin: d.Origin, UpdatedAt: d.UpdatedAt,
	}, nil
}

// deleteDataSet serves DeleteDataSet. Its revisions and assets go with it.
func (s *actions) deleteDataSet(ctx context.Context, in *wire.DeleteDataSetRequest) error {
	if _, err := s.own(ctx, in.DataSetID); err != nil {
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

// listDataSets serves ListDataSets: those that are owned, the newest first, and then those
// that are entitled.
func (s *actions) listDataSets(ctx context.Context, in *wire.ListDataSetsRequest) (*wire.ListDataSetsResponse, error) {
	w := worldOf(ctx)
	owned := list[wire.DataSetEntry]{w, catalog.KindDataSet, catalog.ByOwner, "", func(r *engine.RunView) (*wire.DataSetEntry, error) {
		d, whole, err := catalog.ReadDataSet(r)
		if err != nil {
			return nil, err
		}
		return s.listed(ctx, &dataSet{DataSet: d, world: w}, whole)
	}}
	entitled := list[wire.DataSetEntry]{w, catalog.KindEntitled, catalog.ByOwner, "", func(r *engine.RunView) (*wire.DataSetEntry, error) {
		g, whole, err := catalog.ReadEntitled(r)
		if err != nil {
			return nil, err
		}
		if !s.shows(g) { // it has not woken yet
			return nil, missing(catalog.KindDataSet, g.DataSet)
		}
		return s.listed(ctx, s.entitled(w, g), whole)
	}}
	lists, known := map[string][]list[wire.DataSetEntry]{"": {owned, entitled}, wire.OriginOwned: {owned}, wire.OriginEntitled: {entitled}}[value(in.Origin)]
	if !known {
		return nil, invalid("Origin must be OWNED or ENTITLED.")
	}
	sets, next, err := listRuns(ctx, s.pages(ctx, "data sets", value(in.Origin)), in.MaxResults, in.NextToken, lists...)
	if err != nil {
		return nil, err
	}
	return &wire.ListDataSetsResponse{DataSets: sets, NextToken: next}, nil
}

// listed is a data set as lists have it; one of which not all is known is asked for.
func (s *actions) listed(ctx context.Context, d *dataSet, whole bool) (*wire.DataSetEntry, error) {
	if !whole {
		var err error
		if d, err = s.find(ctx, d.world, d.ID); err != nil {
			return nil, err
		}
	}
	e := dataSetShape(d)
	return &wire.DataSetEntry{
		ARN: *e.ARN, AssetType: *e.AssetType, CreatedAt: *e.CreatedAt, Description: d.Description, ID: d.ID, Name: d.Name, Origin: *e.Origin,
		OriginDetails: e.OriginDetails, UpdatedAt: *e.UpdatedAt,
	}, nil
}

// sendDataSetNotification serves SendDataSetNotification: AWS refuses it for data sets that
// are of no product, and here none is.
func (s *actions) sendDataSetNotification(ctx context.Context, in *wire.SendDataSetNotificationRequest) (*wire.SendDataSetNotificationResponse, error) {
	if _, err := s.dataSet(ctx, in.DataSetID); err != nil {
		return nil, err
	}
	return nil, invalid("Data set ID is not configured for AWS Marketplace.")
}
