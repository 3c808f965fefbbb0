package kafkatest

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Allow grants a right by an ACL: Kafka's own authorizer, which Secured puts in place, then lets the principal ("User:alice")
// do it. resource is "topic", "cluster" or "transactional-id", operation Kafka's word for it, such as "Write" or
// "IdempotentWrite". It returns when a broker has it. For a cluster on which who has no ACL may do nothing,
// set Property("allow.everyone.if.no.acl.found", "false"); clients of the listeners without a login may do all.
func (k *Kafka) Allow(principal, operation, resource, name string) {
	k.t.Helper()
	op, err := kmsg.ParseACLOperation(operation)
	if err != nil {
		k.t.Fatalf("kafkatest: operation %q: %v", operation, err)
	}
	builder := kadm.NewACLs().Allow(principal).AllowHosts().Operations(op).ResourcePatternType(kadm.ACLPatternLiteral)
	switch resource {
	case "topic":
		builder.Topics(name)
	case "cluster":
		builder.Clusters()
	case "transactional-id":
		builder.TransactionalIDs(name)
	default:
		k.t.Fatalf("kafkatest: resource %q: want topic, cluster or transactional-id", resource)
	}
	k.admin(func(ctx context.Context, admin *kadm.Client) error {
		created, err := admin.CreateACLs(ctx, builder)
		if err != nil {
			return err
		}
		for _, c := range created {
			if c.Err != nil {
				return c.Err
			}
		}
		return untilDescribed(ctx, admin, builder)
	})
}

// untilDescribed waits until a broker has heard of an ACL from the controller.
func untilDescribed(ctx context.Context, admin *kadm.Client, acl *kadm.ACLBuilder) error {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		described, err := admin.DescribeACLs(ctx, acl)
		if err != nil {
			return err
		}
		for _, d := range described {
			if len(d.Described) > 0 {
				return nil
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// LimitClient sets the quota of a client id: how many bytes of Produce requests a broker takes from all that come by it, a
// second. Brokers take it a moment after it returns.
func (k *Kafka) LimitClient(clientID string, bytesPerSecond float64) {
	k.t.Helper()
	k.admin(func(ctx context.Context, admin *kadm.Client) error {
		altered, err := admin.AlterClientQuotas(ctx, []kadm.AlterClientQuotaEntry{{
			Entity: kadm.ClientQuotaEntity{{Type: "client-id", Name: &clientID}},
			Ops:    []kadm.AlterClientQuotaOp{{Key: "producer_byte_rate", Value: bytesPerSecond}},
		}})
		if err != nil {
			return err
		}
		for _, a := range altered {
			if a.Err != nil {
				return a.Err
			}
		}
		return nil
	})
}
