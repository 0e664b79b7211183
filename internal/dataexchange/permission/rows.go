package permission

import (
	"heddle/internal/dataexchange/resource"
	"heddle/internal/dataexchange/wire"
)

// row tells what a call needs, by its input and the caller's region and account.
type row func(in any, region, account string) Need

// of makes a row of calls about a thing of the caller's, by its id and those above it.
func of[In any](t resource.Type, id func(*In) string, above ...func(*In) string) row {
	return func(in any, region, account string) Need {
		c := in.(*In)
		var ids []string
		for _, one := range above {
			ids = append(ids, one(c))
		}
		return Need{Resource: resource.Of(region, account, t, id(c), ids...)}
	}
}

// creating makes a row of calls that create a thing with tags.
func creating[In any](t resource.Type, tags func(*In) map[string]string) row {
	return func(in any, region, account string) Need {
		return Need{Resource: resource.Of(region, account, t, "*")}.tagging(tags(in.(*In)))
	}
}

// tagging adds what a call needs that tags what it creates.
func (n Need) tagging(tags map[string]string) Need {
	if n.SetTags = tags; len(tags) > 0 {
		n.More = append(n.More, Ask{"TagResource", n.Resource.String()})
	}
	return n
}

// listing is the row of calls about nothing in particular, with what else they need.
func listing(more ...string) row {
	return func(any, string, string) (n Need) {
		for _, action := range more {
			n.More = append(n.More, Ask{action, "*"})
		}
		return n
	}
}

// tagged makes a row of calls that name a thing by its ARN.
func tagged[In any](arn func(*In) string, fill func(*In, *Need)) row {
	return func(in any, _, _ string) Need {
		n, text := Need{}, arn(in.(*In))
		if name, ok := resource.Parse(text); ok {
			n.Resource = name
		} else {
			n.Given = text
		}
		fill(in.(*In), &n)
		return n
	}
}

// grant makes a row of calls that name a grant by its id or its ARN.
func grant[In any](given func(*In) string, more ...string) row {
	return func(in any, region, account string) (n Need) {
		id := given(in.(*In))
		n.Resource = resource.Of(region, account, resource.Grant, id)
		if name, ok := resource.Parse(id); ok {
			n.Resource = name
		}
		for _, action := range more {
			n.More = append(n.More, Ask{action, "*"})
		}
		return n
	}
}

var rows = map[string]row{
	"AcceptDataGrant": grant(func(in *wire.AcceptDataGrantRequest) string { return in.DataGrantARN }),
	"CancelJob":       of(resource.Job, func(in *wire.CancelJobRequest) string { return in.JobID }),
	"CreateDataGrant": func(in any, region, account string) Need {
		c := in.(*wire.CreateDataGrantRequest)
		n := Need{Resource: resource.Of(region, account, resource.Grant, "*")}.tagging(c.Tags)
		n.More = append(n.More, Ask{"PublishToDataGrant", resource.Of(region, account, resource.DataSet, c.SourceDataSetID).String()})
		return n
	},
	"CreateDataSet": creating(resource.DataSet, func(in *wire.CreateDataSetRequest) map[string]string { return in.Tags }),
	"CreateEventAction": func(in any, region, account string) Need {
		c := in.(*wire.CreateEventActionRequest)
		n := Need{Resource: resource.Of(region, account, resource.EventAction, "*")}.tagging(c.Tags)
		if to := c.Action.ExportRevisionToS3; to != nil {
			n.Outside = Exporting(region, to)
		}
		return n
	},
	"CreateJob": func(in any, region, account string) Need {
		return Need{Resource: resource.Of(region, account, resource.Job, "*"), JobType: in.(*wire.CreateJobRequest).Type}
	},
	"CreateRevision": func(in any, region, account string) Need {
		c := in.(*wire.CreateRevisionRequest)
		return Need{Resource: resource.Of(region, account, resource.DataSet, c.DataSetID)}.tagging(c.Tags)
	},
	"DeleteAsset": of(resource.Asset, func(in *wire.DeleteAssetRequest) string { return in.AssetID },
		func(in *wire.DeleteAssetRequest) string { return in.DataSetID }, func(in *wire.DeleteAssetRequest) string { return in.RevisionID }),
	"DeleteDataGrant":   grant(func(in *wire.DeleteDataGrantRequest) string { return in.DataGrantID }),
	"DeleteDataSet":     of(resource.DataSet, func(in *wire.DeleteDataSetRequest) string { return in.DataSetID }),
	"DeleteEventAction": of(resource.EventAction, func(in *wire.DeleteEventActionRequest) string { return in.EventActionID }),
	"DeleteRevision": of(resource.Revision, func(in *wire.DeleteRevisionRequest) string { return in.RevisionID },
		func(in *wire.DeleteRevisionRequest) string { return in.DataSetID }),
	"GetAsset": of(resource.Asset, func(in *wire.GetAssetRequest) string { return in.AssetID },
		func(in *wire.GetAssetRequest) string { return in.DataSetID }, func(in *wire.GetAssetRequest) string { return in.RevisionID }),
	"GetDataGrant":         grant(func(in *wire.GetDataGrantRequest) string { return in.DataGrantID }, "GetDataSet"),
	"GetDataSet":           of(resource.DataSet, func(in *wire.GetDataSetRequest) string { return in.DataSetID }),
	"GetEventAction":       of(resource.EventAction, func(in *wire.GetEventActionRequest) string { return in.EventActionID }),
	"GetJob":               of(resource.Job, func(in *wire.GetJobRequest) string { return in.JobID }),
	"GetReceivedDataGrant": grant(func(in *wire.GetReceivedDataGrantRequest) string { return in.DataGrantARN }, "GetDataSet"),
	"GetRevision": of(resource.Revision, func(in *wire.GetRevisionRequest) string { return in.RevisionID },
		func(in *wire.GetRevisionRequest) string { return in.DataSetID }),
	"ListDataGrants":         listing("ListDataSets"),
	"ListDataSetRevisions":   of(resource.DataSet, func(in *wire.ListDataSetRevisionsRequest) string { return in.DataSetID }),
	"ListDataSets":           listing(),
	"ListEventActions":       listing(),
	"ListJobs":               listing(),
	"ListReceivedDataGrants": listing("ListDataSets"),
	"ListRevisionAssets": of(resource.Revision, func(in *wire.ListRevisionAssetsRequest) string { return in.RevisionID },
		func(in *wire.ListRevisionAssetsRequest) string { return in.DataSetID }),
	"ListTagsForResource": tagged(func(in *wire.ListTagsForResourceRequest) string { return in.ResourceARN },
		func(*wire.ListTagsForResourceRequest, *Need) {}),
	"RevokeRevision": of(resource.Revision, func(in *wire.RevokeRevisionRequest) string { return in.RevisionID },
		func(in *wire.RevokeRevisionRequest) string { return in.DataSetID }),
	"SendApiAsset": of(resource.Asset, func(in *wire.SendApiAssetRequest) string { return in.AssetID },
		func(in *wire.SendApiAssetRequest) string { return in.DataSetID }, func(in *wire.SendApiAssetRequest) string { return in.RevisionID }),
	"SendDataSetNotification": of(resource.DataSet, func(in *wire.SendDataSetNotificationRequest) string { return in.DataSetID }),
	"StartJob":                of(resource.Job, func(in *wire.StartJobRequest) string { return in.JobID }),
	"TagResource": tagged(func(in *wire.TagResourceRequest) string { return in.ResourceARN },
		func(in *wire.TagResourceRequest, n *Need) { n.SetTags = in.Tags }),
	"UntagResource": tagged(func(in *wire.UntagResourceRequest) string { return in.ResourceARN },
		func(in *wire.UntagResourceRequest, n *Need) { n.RemoveTags = in.TagKeys }),
	"UpdateAsset": of(resource.Asset, func(in *wire.UpdateAssetRequest) string { return in.AssetID },
		func(in *wire.UpdateAssetRequest) string { return in.DataSetID }, func(in *wire.UpdateAssetRequest) string { return in.RevisionID }),
	"UpdateDataSet":     of(resource.DataSet, func(in *wire.UpdateDataSetRequest) string { return in.DataSetID }),
	"UpdateEventAction": of(resource.EventAction, func(in *wire.UpdateEventActionRequest) string { return in.EventActionID }),
	"UpdateRevision": of(resource.Revision, func(in *wire.UpdateRevisionRequest) string { return in.RevisionID },
		func(in *wire.UpdateRevisionRequest) string { return in.DataSetID }),
}
