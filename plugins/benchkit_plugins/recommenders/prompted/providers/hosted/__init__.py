"""What services share: requests, prices, jobs and batches that are found again."""
