"""Where the model is: Text Generation Inference, servers of `/v1/completions`, or llama.cpp in this process."""
