package kms

import (
	"reflect"

	"heddle/internal/kms/keyring"
)

// crossing are the types of what goes between servers in commands, replies and errors.
var crossing = []reflect.Type{
	reflect.TypeFor[keyring.CreateKey](),
	reflect.TypeFor[keyring.Update](),
	reflect.TypeFor[keyring.SetEnabled](),
	reflect.TypeFor[keyring.ScheduleDeletion](),
	reflect.TypeFor[keyring.CancelDeletion](),
	reflect.TypeFor[keyring.TagKey](),
	reflect.TypeFor[keyring.UntagKey](),
	reflect.TypeFor[keyring.SetRotation](),
	reflect.TypeFor[keyring.Rotate](),
	reflect.TypeFor[keyring.PutAlias](),
	reflect.TypeFor[keyring.DeleteAlias](),
	reflect.TypeFor[keyring.CreateGrant](),
	reflect.TypeFor[keyring.DeleteGrant](),
	reflect.TypeFor[keyring.NewMaterial](),
	reflect.TypeFor[keyring.Find](),
	reflect.TypeFor[keyring.FindDue](),
	reflect.TypeFor[keyring.ListKeys](),
	reflect.TypeFor[keyring.ListAliases](),
	reflect.TypeFor[keyring.ListRetirable](),
	reflect.TypeFor[keyring.Found](),
	reflect.TypeFor[keyring.GrantOf](),
	reflect.TypeFor[keyring.Code](),
	reflect.TypeFor[keyring.Error](),
	reflect.TypeFor[keyring.Limits](),
	reflect.TypeFor[keyring.Key](),
	reflect.TypeFor[keyring.Deletion](),
	reflect.TypeFor[keyring.Rotation](),
	reflect.TypeFor[keyring.Material](),
	reflect.TypeFor[keyring.Alias](),
	reflect.TypeFor[keyring.Grant](),
	reflect.TypeFor[keyring.Pair](),
	reflect.TypeFor[keyring.Page[*keyring.Alias]](),
	reflect.TypeFor[keyring.Page[keyring.GrantOf]](),
	reflect.TypeFor[keyring.Page[string]](),
}
