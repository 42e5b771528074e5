_base_ = ['./frskd_pspnet_r18-d8_4xb2-80k_cityscapes-512x1024.py', '../_base_/strategies/fsdp.py']
