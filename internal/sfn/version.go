package sfn

import (
	"context"
	"slices"
	"strconv"

	"heddle/internal/aws/operation"
	"heddle/internal/sfn/registry"
	"heddle/internal/sfn/resource"
	"heddle/internal/sfn/wire"
)

func (s *actions) versionRows() []operation.Operation {
	return []operation.Operation{
		row(s, "PublishStateMachineVersion", s.publishStateMachineVersion),
		row(s, "DeleteStateMachineVersion", s.deleteStateMachineVersion),
		row(s, "ListStateMachineVersions", s.listStateMachineVersions),
	}
}

// publishStateMachineVersion serves PublishStateMachineVersion.
func (s *actions) publishStateMachineVersion(ctx context.Context, in *wire.PublishStateMachineVersionInput) (*wire.PublishStateMachineVersionOutput, error) {
	_, n, err := s.machineOf(ctx, in.StateMachineARN)
	if err == nil {
		err = unqualified(n, noMachine(in.StateMachineARN))
	}
	if err != nil {
		return nil, err
	}
	reply, err := s.change(ctx, registry.Command(worldOf(ctx), registry.KindMachine, n.Base,
		registry.PublishVersion{Revision: in.RevisionID, Description: text(in.Description)}))
	if err != nil {
		return nil, faultOf(err, n, noMachine(in.StateMachineARN))
	}
	v := reply.(*registry.Version)
	return &wire.PublishStateMachineVersionOutput{CreationDate: timestamp(v.Created), StateMachineVersionARN: *versionARN(n, v)}, nil
}

// deleteStateMachineVersion serves DeleteStateMachineVersion.
func (s *actions) deleteStateMachineVersion(ctx context.Context, in *wire.DeleteStateMachineVersionInput) (*wire.DeleteStateMachineVersionOutput, error) {
	w, out := worldOf(ctx), &wire.DeleteStateMachineVersionOutput{}
	n, err := parse(in.StateMachineVersionARN, resource.Machine)
	if err != nil {
		return nil, err
	}
	number, isVersion := resource.Version(n.Qualifier)
	if !isVersion {
		return nil, wrongType(n)
	}
	if !n.In(w.Region, w.Account) {
		return out, nil
	}
	_, err = s.change(ctx, registry.Command(w, registry.KindMachine, n.Base, registry.DeleteVersion{Number: number}))
	return out, faultOf(err, n, nil)
}

// wrongType is the fault for an ARN of a machine where one of a version or an alias is
// wanted, or the other way.
func wrongType(n resource.Name) error {
	return refusal(wire.CodeInvalidArn, (&resource.Error{Reason: "Resource type not valid in this context: " + string(n.Type)}).Error())
}

// listStateMachineVersions serves ListStateMachineVersions: the newest first. A machine
// that is not there has none.
func (s *actions) listStateMachineVersions(ctx context.Context, in *wire.ListStateMachineVersionsInput) (*wire.ListStateMachineVersionsOutput, error) {
	out := &wire.ListStateMachineVersionsOutput{StateMachineVersions: []wire.StateMachineVersionListItem{}}
	n, err := parse(in.StateMachineARN, resource.Machine)
	if err == nil {
		err = unqualified(n, wrongType(n))
	}
	if err != nil {
		return nil, err
	}
	p := s.pages(ctx, "versions", in.StateMachineARN)
	after, err := p.after(in.NextToken)
	if err != nil || !n.In(p.world.Region, p.world.Account) {
		return out, err
	}
	m, err := s.findMachine(ctx, p.world, n.Base)
	if isMissing(err) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	below, err := strconv.ParseInt(after, 10, 64)
	if after != "" && err != nil {
		return nil, errInvalidToken
	}
	for _, v := range slices.Backward(m.Versions) {
		if after != "" && v.Number >= below {
			continue
		}
		if len(out.StateMachineVersions) == pageSize(in.MaxResults) {
			out.NextToken, err = p.next(strconv.FormatInt(v.Number+1, 10), true)
			return out, err
		}
		out.StateMachineVersions = append(out.StateMachineVersions, wire.StateMachineVersionListItem{
			CreationDate: timestamp(v.Created), StateMachineVersionARN: *versionARN(n, v),
		})
	}
	return out, nil
}
