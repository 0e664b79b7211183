package kms

import (
	"context"
	"errors"
	"strconv"
	"time"

	"heddle/internal/aws/policy"
	"heddle/internal/engine"
	"heddle/internal/kms/keyring"
	"heddle/internal/kms/wire"
	"heddle/internal/matching"
)

// rotationDaysDefault is the period of a rotation for which a request has none.
const rotationDaysDefault = 365

// aboutRotation says the period too.
func aboutRotation(c *call, in *wire.EnableKeyRotationRequest) error {
	var facts []policy.Value
	if in.RotationPeriodInDays != nil {
		facts = []policy.Value{{Key: "kms:RotationPeriodInDays", Value: strconv.FormatInt(*in.RotationPeriodInDays, 10)}}
	}
	return c.aboutKey(in.KeyID, keysOnly, nil, facts...)
}

func enableKeyRotation(c *call, in *wire.EnableKeyRotationRequest) error {
	if err := c.key.found(); err != nil {
		return err
	}
	days := rotationDaysDefault
	if in.RotationPeriodInDays != nil {
		days = int(*in.RotationPeriodInDays)
	} else if c.key.Rotation.Days > 0 {
		days = c.key.Rotation.Days
	}
	return change(c, keyring.SetRotation{Key: c.key.ID, Days: days})
}

func disableKeyRotation(c *call, _ *wire.DisableKeyRotationRequest) error {
	return c.changeKey(keyring.SetRotation{Key: c.keyID()})
}

func getKeyRotationStatus(c *call, _ *wire.GetKeyRotationStatusRequest) (*wire.GetKeyRotationStatusResponse, error) {
	if err := c.key.found(); err != nil {
		return nil, err
	}
	k := c.key.Key
	out := &wire.GetKeyRotationStatusResponse{KeyID: &k.ID, KeyRotationEnabled: new(k.Rotation.Days > 0 && k.State != keyring.PendingDeletion)}
	if *out.KeyRotationEnabled {
		out.RotationPeriodInDays, out.NextRotationDate = new(int64(k.Rotation.Days)), at(k.NextRotation())
	}
	return out, nil
}

func rotateKeyOnDemand(c *call, _ *wire.RotateKeyOnDemandRequest) (*wire.RotateKeyOnDemandResponse, error) {
	if err := c.key.found(); err != nil {
		return nil, err
	}
	m, err := c.secrets.material(c.key.ID)
	if err != nil {
		return nil, err
	}
	return &wire.RotateKeyOnDemandResponse{KeyID: &c.key.ID}, change(c, keyring.Rotate{Key: c.key.ID, Material: m})
}

func listKeyRotations(c *call, in *wire.ListKeyRotationsRequest) (*wire.ListKeyRotationsResponse, error) {
	if err := c.key.found(); err != nil {
		return nil, err
	}
	all := value(in.IncludeKeyMaterial) == wire.IncludeKeyMaterialAllKeyMaterial
	p, err := c.page("ListKeyRotations "+c.key.ID+" "+strconv.FormatBool(all), in.Marker, in.Limit, 100, 1000)
	if err != nil {
		return nil, err
	}
	first := 1 // the first material is no rotation
	if all {
		first = 0
	}
	if in.Marker != nil {
		if first, err = strconv.Atoi(p.after[0]); err != nil {
			return nil, err
		}
	}
	k, list := c.key.Key, keyring.Page[int]{}
	for i := first; i < len(k.Materials) && len(list.Items) < p.limit; i++ {
		list.Items = append(list.Items, i)
	}
	list.More = first+len(list.Items) < len(k.Materials)
	items, next, err := shown(p, list, func(i int) (wire.RotationsListEntry, [2]string) {
		m := &k.Materials[i]
		e := wire.RotationsListEntry{KeyID: &k.ID, KeyMaterialID: new(materialID(m)), KeyMaterialState: new(wire.KeyMaterialStateNonCurrent)}
		if i == len(k.Materials)-1 {
			e.KeyMaterialState = new(wire.KeyMaterialStateCurrent)
		}
		if i > 0 {
			e.RotationDate, e.RotationType = at(m.At), new(wire.RotationTypeAutomatic)
		}
		if m.OnDemand {
			e.RotationType = new(wire.RotationTypeOnDemand)
		}
		return e, [2]string{strconv.Itoa(i + 1)}
	})
	return &wire.ListKeyRotationsResponse{Rotations: items, NextMarker: next, Truncated: new(next != nil)}, err
}

// rotateDue gives keys new material whose time has come, until the server stops. A rotation
// that fails is offered again.
func (s *actions) rotateDue(ctx context.Context) {
	for ctx.Err() == nil {
		claim, err := s.Performed.Poll(ctx, keyring.RotationList, matching.Poller{})
		if err != nil {
			s.Log.Error("keys whose time has come can't be asked for; it will be tried again", "error", err)
			s.pause(ctx)
			continue
		}
		if claim == nil {
			return // there will be no more
		}
		if err := s.rotateOffered(ctx, claim.Run, claim.ID); err != nil {
			s.Log.Error("a key was not rotated; it will be tried again", "run", claim.Run, "rotation", claim.ID, "error", err)
			claim.Return()
			s.pause(ctx)
			continue
		}
		claim.Accept()
	}
}

func (s *actions) rotateOffered(ctx context.Context, run engine.RunID, due int64) error {
	id, err := s.Runs.Do(ctx, engine.Command{Run: run, Body: keyring.FindDue{Due: due}})
	if err != nil || id == "" {
		return err
	}
	m, err := s.secrets.material(id.(string))
	if err != nil {
		return err
	}
	_, err = s.Runs.Do(ctx, engine.Command{Run: run, Body: keyring.Rotate{Due: due, Material: m}})
	if _, rests := errors.AsType[*keyring.Error](err); rests {
		return nil // it was disabled meanwhile, and the rotation comes again with it
	}
	return err
}

// troublePause is how long rotations rest when one fails.
const troublePause = time.Second

func (s *actions) pause(ctx context.Context) {
	ctx, cancel := s.Within(ctx, troublePause)
	defer cancel()
	<-ctx.Done()
}
