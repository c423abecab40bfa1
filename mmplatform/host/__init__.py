"""The bridge between records and engine: runs deployments in worker processes under leases."""
