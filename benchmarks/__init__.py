"""Measurements that regenerate every figure in the documents."""
