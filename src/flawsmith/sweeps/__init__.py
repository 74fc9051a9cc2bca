"""Many products: what is done with each, as jobs that are run side by side on one machine or on a cluster."""
